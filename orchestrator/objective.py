"""What is optimised, and which of several trials are worth having."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from orchestrator.engine.config import Document
from orchestrator.records import State, TrialRecord


class Objective(Document):
    """What is optimised, and compared between variants, at each trial's best epoch."""

    metric: str
    mode: Literal["min", "max"] = "max"

    @property
    def sign(self) -> int:
        """Times a value: the smaller, the better."""
        return -1 if self.mode == "max" else 1


def values_of(record: TrialRecord, objectives: Sequence[Objective]) -> list[float] | None:
    """A complete trial's figures, in the order of the objectives; None where one is missing.

    All are those of one set of weights: of the epoch that the first objective calls best. What is
    no epoch's figure (`macs`, `val/robust_top1`) is the result's.
    """
    if record.state is not State.COMPLETE:
        return None
    figures = _figures(record, objectives[0])
    values = [figures.get(objective.metric) for objective in objectives]
    known = [float(value) for value in values if value is not None]
    return known if len(known) == len(objectives) else None


def _figures(record: TrialRecord, first: Objective) -> dict[str, Any]:
    """Those of the result, and over them those of the epoch that is best by `first`."""
    result, best = record.result or {}, record.best(first.metric, first.mode)
    epochs = (e for e in record.epochs if best is not None and e.get(first.metric) == best)
    return {**result, **result.get("best", {}), **next(epochs, {})}


def covers(one: Sequence[float], other: Sequence[float], objectives: Sequence[Objective]) -> bool:
    """Whether `one` is nowhere worse than `other`."""
    return all(o.sign * a <= o.sign * b for a, b, o in zip(one, other, objectives, strict=True))


def pareto_front(
    records: Sequence[TrialRecord], objectives: Sequence[Objective]
) -> list[TrialRecord]:
    """The complete trials that no other beats in one objective without losing in another.

    In the given order; equal trials stand together. With one objective these are the best.
    """
    known = [(r, values) for r in records if (values := values_of(r, objectives)) is not None]
    return [
        record
        for record, values in known
        if not any(other != values and covers(other, values, objectives) for _, other in known)
    ]


def trials_without_progress(records: Sequence[TrialRecord], objectives: Sequence[Objective]) -> int:
    """How many trials ended in a row, at most, of which none was better than all before it.

    With several objectives one that stands beside the best counts as better. Failed trials do not
    count: they tell nothing of the space. What has been reached once stays reached: a search that
    had enough and is carried on has enough, though trials that ran on were better.
    """
    useless = {State.FAILED, State.OUT_OF_MEMORY}
    kept: list[list[float]] = []
    since = longest = 0
    ended = [r for r in records if r.state.is_final and r.state not in useless]
    for record in sorted(ended, key=lambda record: record.place):
        values = values_of(record, objectives)
        since += 1
        if values is not None and not any(covers(k, values, objectives) for k in kept):
            kept.append(values)
            since = 0
        longest = max(longest, since)
    return longest

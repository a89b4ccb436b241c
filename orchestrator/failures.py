"""What failed trials have in common: `7 out of memory, all with batch_size=64`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from orchestrator.records import TrialRecord

_NAMED = 3


def failure_lines(records: Iterable[TrialRecord]) -> list[str]:
    """A line a cause, the most frequent first."""
    groups: dict[str, list[TrialRecord]] = defaultdict(list)
    good = []
    for record in records:
        if record.state.is_failure:
            groups[cause_told(record)].append(record)
        elif record.state.is_final:
            good.append(record)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_line(cause, failed, good) for cause, failed in ordered]


def cause_told(record: TrialRecord) -> str:
    """`out of memory`; of a log that knows no causes the state."""
    return record.cause.told if record.cause else record.state.value.replace("_", " ")


def _line(cause: str, failed: Sequence[TrialRecord], good: Sequence[TrialRecord]) -> str:
    shared = shared_params(failed, good)
    if len(failed) > 1 and shared:
        return f"{len(failed)} {cause}, all with {', '.join(shared)}"
    names = ", ".join(record.plan.name for record in failed[:_NAMED])
    more = ", ..." if len(failed) > _NAMED else ""
    return f"{len(failed)} {cause}: {names}{more}"


def shared_params(failed: Sequence[TrialRecord], good: Sequence[TrialRecord]) -> list[str]:
    """The varied parameters that all of the failed have with one value, and none of the good."""
    first, *others = (record.plan.params for record in failed)
    return [
        f"{path}={value}"
        for path, value in first.items()
        if all(path in params and params[path] == value for params in others)
        and not any(record.plan.params.get(path) == value for record in good)
    ]

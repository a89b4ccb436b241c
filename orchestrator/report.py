"""Tables of a study: pure functions over its records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.ablation_spec import BASELINE, Paper
from orchestrator.records import State, TrialRecord
<<<<<<< HEAD
from orchestrator.spec import Objective
from orchestrator.stats import Difference, Summary, paired_difference, summarize
=======
from orchestrator.spec import BASELINE, Objective, Paper
from orchestrator.stats.paired import Difference, paired_difference
from orchestrator.stats.samples import Summary, summarize
>>>>>>> c4b01966fda981b034b1b93b78f0830ee86546ee


@dataclass(frozen=True)
class Table:
    """Headings, rows of text and notes below them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        head = [self.columns, tuple("---" for _ in self.columns)]
        escaped = ([cell.replace("|", "\\|") for cell in row] for row in [*head, *self.rows])
        lines = ["| " + " | ".join(row) + " |" for row in escaped]
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"**{self.title}**", "", *lines, *notes]) + "\n"


@dataclass(frozen=True)
class VariantRow:
    """What is known of one variant of an ablation."""

    name: str
    summary: Summary | None
    difference: Difference | None
    num_params: int | None
    macs: int | None
    waiting: int
    failed: int


def variant_rows(
    records: Iterable[TrialRecord], objective: Objective, order: Sequence[str]
) -> list[VariantRow]:
    """One row a variant, in the given order, compared seed by seed with the baseline.

    `order` names every variant of the records.
    """
    by_variant: dict[str, list[TrialRecord]] = {name: [] for name in order}
    for record in records:
        by_variant[record.plan.variant].append(record)
    scores = {name: _scores(group, objective) for name, group in by_variant.items()}
    baseline = scores.get(BASELINE, {})
    return [
        _row(name, group, scores[name], None if name == BASELINE else baseline)
        for name, group in by_variant.items()
    ]


def _scores(records: Iterable[TrialRecord], objective: Objective) -> dict[int, float]:
    """Seed to objective of the complete trials."""
    complete = (record for record in records if record.state is State.COMPLETE)
    best = {r.plan.seed: r.best(objective.metric, objective.mode) for r in complete}
    return {seed: value for seed, value in best.items() if value is not None}


def _row(
    name: str,
    records: list[TrialRecord],
    scores: dict[int, float],
    baseline: dict[int, float] | None,
) -> VariantRow:
    result = next((r.result for r in records if r.result is not None), None)
    return VariantRow(
        name=name,
        summary=summarize(list(scores.values())),
        difference=None if baseline is None else paired_difference(scores, baseline),
        num_params=result["num_params"] if result else None,
        macs=result["macs"] if result else None,
        waiting=sum(not record.state.is_final for record in records),
        failed=sum(record.state in {State.FAILED, State.DIVERGED} for record in records),
    )


def best_variant(rows: Sequence[VariantRow], mode: str) -> VariantRow | None:
    """The best mean over seeds, among the variants with the most complete seeds."""
    most = max((row.summary.n for row in rows if row.summary is not None), default=None)
    known = [row for row in rows if row.summary is not None and row.summary.n == most]
    return (max if mode == "max" else min)(known, key=_mean) if known else None


def _mean(row: VariantRow) -> float:
    assert row.summary is not None
    return row.summary.mean


def ablation_table(
    study: str,
    rows: Sequence[VariantRow],
    objective: Objective,
    select_on: str = "val",
    paper: Paper | None = None,
) -> Table:
    metric = objective.metric
    columns = ["variant", metric, "seeds", "difference [95 % CI]", "params", "MACs"]
    body = [
        [
            row.name,
            _mean_std(row.summary),
            _counted(row),
            "" if row.name == BASELINE else _interval(row.difference),
            _thousands(row.num_params),
            _millions(row.macs),
        ]
        for row in rows
    ]
    notes = [
        f"{metric} of each trial's best epoch: mean ± standard deviation over seeds. Difference: "
        "variant minus baseline, paired by seed, Student's t interval; * where it leaves out 0.",
        *_split_note(select_on),
    ]
    if paper is not None:
        columns.append("reported")
        body = [[*row, _number(paper.rows.get(row[0]))] for row in body]
        notes.append(f"Reported: {paper.source}, on {paper.dataset}.")
    return Table(f"Study {study}", tuple(columns), tuple(map(tuple, body)), tuple(notes))


def leaderboard(
    study: str,
    records: Iterable[TrialRecord],
    objective: Objective,
    select_on: str = "val",
    top: int = 10,
) -> Table:
    """The best trials of a search; stopped ones are ranked below complete ones."""
    ranked = ranking(records, objective)
    paths = list(dict.fromkeys(path for record in ranked for path in record.plan.params))
    columns = ("rank", "trial", objective.metric, "epochs", "state", *paths)
    rows = tuple(
        (
            str(rank),
            record.plan.name,
            _number(record.best(objective.metric, objective.mode)),
            str(len(record.epochs)),
            record.state.value,
            *(_value(record.plan.params.get(path)) for path in paths),
        )
        for rank, record in enumerate(ranked[:top], start=1)
    )
    states = [record.state for record in ranked]
    counts = ", ".join(f"{states.count(s)} {s.value}" for s in State if s in states)
    notes = (f"{len(ranked)} trials: {counts}.", *_split_note(select_on))
    return Table(f"Study {study}", columns, rows, notes)


def ranking(records: Iterable[TrialRecord], objective: Objective) -> list[TrialRecord]:
    """Complete trials from best to worst, then stopped ones, then all others."""
    sign = -1 if objective.mode == "max" else 1
    places = {State.COMPLETE: 0, State.PRUNED: 1}

    def key(record: TrialRecord) -> tuple[int, bool, float]:
        value = record.best(objective.metric, objective.mode)
        return (places.get(record.state, 2), value is None, sign * (value or 0.0))

    return sorted(records, key=key)


def _split_note(select_on: str) -> tuple[str, ...]:
    if select_on != "test":
        return ()
    return ("Epochs were selected on the test split (select_on: test): not a held-out figure.",)


def _mean_std(summary: Summary | None) -> str:
    if summary is None:
        return "-"
    if summary.std is None:
        return _number(summary.mean)
    return f"{_number(summary.mean)} ± {summary.std:.2f}"


def _counted(row: VariantRow) -> str:
    done = row.summary.n if row.summary else 0
    rest = [f"{n} {what}" for n, what in ((row.waiting, "open"), (row.failed, "failed")) if n]
    return f"{done} ({', '.join(rest)})" if rest else str(done)


def _interval(difference: Difference | None) -> str:
    if difference is None:
        return "-"
    if difference.low is None:
        return f"{difference.mean:+.2f}"
    mark = " *" if difference.is_clear else ""
    return f"{difference.mean:+.2f} [{difference.low:+.2f}, {difference.high:+.2f}]{mark}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _thousands(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _millions(value: int | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.1f} M"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)

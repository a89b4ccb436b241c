"""The table of a search: its best trials; with several objectives the Pareto front comes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.objective import Objective, pareto_front, values_of
from orchestrator.records import State, TrialRecord
from orchestrator.reports.foot import split_note
from orchestrator.reports.links import RunLinks
from orchestrator.reports.ranking import ranking
from orchestrator.reports.table import Entry, Link, Table
from orchestrator.spec import StudySpec

NO_LINKS = RunLinks()
_FRONT = (
    "Front: no other trial is better in one objective without being worse in another. All figures "
    "are those of the epoch that is best by the first objective."
)


def leaderboard(
    spec: StudySpec,
    records: Sequence[TrialRecord],
    select_on: str,
    links: RunLinks = NO_LINKS,
    top: int = 10,
) -> Table:
    """The best trials, and the whole front however long; stopped ones are below complete ones."""
    objectives = spec.objectives
    ranked, front = ranked_by(objectives, records)
    shown_rows = ranked[: max(top, len(front))]
    paths = list(dict.fromkeys(path for record in shown_rows for path in record.plan.params))
    fronts = ("front",) if len(objectives) > 1 else ()
    metrics = (objective.metric for objective in objectives)
    rows = tuple(
        (
            str(rank),
            *("✓" if record.plan.id in front else "" for _ in fronts),
            _named(record, links),
            *_figures(record, objectives),
            str(len(record.epochs)),
            record.state.value,
            *(_shown(record.plan.params.get(path)) for path in paths),
        )
        for rank, record in enumerate(shown_rows, start=1)
    )
    columns = ("rank", *fronts, "trial", *metrics, "epochs", "state", *paths)
    notes = (_counts(ranked), *(_FRONT for _ in fronts), *split_note(select_on))
    return Table(f"Study {spec.study}", columns, rows, notes)


def ranked_by(
    objectives: Sequence[Objective], records: Sequence[TrialRecord]
) -> tuple[list[TrialRecord], frozenset[str]]:
    """Those of the front first, then by the first objective; the ids of the front's trials."""
    ranked = ranking(records, objectives[0])
    if len(objectives) == 1:
        return ranked, frozenset()
    front = frozenset(record.plan.id for record in pareto_front(records, objectives))
    return sorted(ranked, key=lambda record: record.plan.id not in front), front


def figures(record: TrialRecord, objectives: Sequence[Objective]) -> Iterator[float | None]:
    """In the order of the objectives; of a trial that is not complete the first alone."""
    values = values_of(record, objectives)
    if values is not None:
        yield from values
        return
    yield record.best(objectives[0].metric, objectives[0].mode)
    yield from (None for _ in objectives[1:])


def _figures(record: TrialRecord, objectives: Sequence[Objective]) -> Iterator[str]:
    for value in figures(record, objectives):
        yield "-" if value is None else f"{value:,.0f}" if value >= 10_000 else f"{value:.2f}"


def _named(record: TrialRecord, links: RunLinks) -> Entry:
    url = links.of(record.plan.id)
    return Entry(record.plan.name, links=(Link("run", url),) if url else ())


def _counts(ranked: Sequence[TrialRecord]) -> str:
    states = [record.state for record in ranked]
    counts = ", ".join(f"{states.count(s)} {s.value}" for s in State if s in states)
    return f"{len(ranked)} trials: {counts}."


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)

"""The table of a search with several objectives: its Pareto front comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.objective import Objective, pareto_front, values_of
from orchestrator.records import State, TrialRecord
from orchestrator.reports.foot import split_note
from orchestrator.reports.leaderboard import counted, named
from orchestrator.reports.links import RunLinks
from orchestrator.reports.ranking import ranking
from orchestrator.reports.table import Table
from orchestrator.spec import StudySpec

_NO_LINKS = RunLinks()


def front_table(
    spec: StudySpec,
    records: Sequence[TrialRecord],
    select_on: str,
    top: int = 10,
    links: RunLinks = _NO_LINKS,
) -> Table:
    """The whole front, however long; of the others the best by the first objective."""
    objectives = spec.objectives
    front = {record.plan.id for record in pareto_front(records, objectives)}
    ranked = ranking(records, objectives[0])
    on_front = [record for record in ranked if record.plan.id in front]
    others = [record for record in ranked if record.plan.id not in front]
    shown = on_front + others[: max(0, top - len(on_front))]
    paths = list(dict.fromkeys(path for record in shown for path in record.plan.params))
    columns = ("front", "trial", *(o.metric for o in objectives), "epochs", "state", *paths)
    rows = tuple(
        (
            "*" if record.plan.id in front else "",
            named(record, links),
            *_figures(record, objectives),
            str(len(record.epochs)),
            record.state.value,
            *(_shown(record.plan.params.get(path)) for path in paths),
        )
        for record in shown
    )
    notes = (
        counted(ranked),
        *split_note(select_on),
        "Front: no other trial is better in one objective without being worse in another. "
        "All figures are those of the epoch that is best by the first objective.",
    )
    return Table(f"Study {spec.study}", columns, rows, notes)


def _figures(record: TrialRecord, objectives: Sequence[Objective]) -> list[str]:
    values = values_of(record, objectives)
    if values is not None:
        return [_shown(value) for value in values]
    first = record.best(objectives[0].metric, objectives[0].mode)
    is_stopped = record.state is State.PRUNED and first is not None
    return [_shown(first) if is_stopped else "-", *("-" for _ in objectives[1:])]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return "" if value is None else str(value)

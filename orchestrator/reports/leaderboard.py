"""The table of a search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.records import State, TrialRecord
from orchestrator.reports.foot import split_note
from orchestrator.reports.links import RunLinks
from orchestrator.reports.ranking import ranking
from orchestrator.reports.table import Entry, Link, Table
from orchestrator.reports.wording import Scale
from orchestrator.spec import Objective

_NO_LINKS = RunLinks()


def leaderboard(
    study: str,
    records: Iterable[TrialRecord],
    objective: Objective,
    select_on: str = "val",
    top: int = 10,
    links: RunLinks = _NO_LINKS,
) -> Table:
    """The best trials of a search; stopped ones are ranked below complete ones."""
    ranked, scale = ranking(records, objective), Scale(objective.metric)
    paths = list(dict.fromkeys(path for record in ranked for path in record.plan.params))
    columns = ("rank", "trial", objective.metric, "epochs", "state", *paths)
    rows = tuple(
        (
            str(rank),
            named(record, links),
            scale.number(record.best(objective.metric, objective.mode)),
            str(len(record.epochs)),
            record.state.value,
            *(shown(record.plan.params.get(path)) for path in paths),
        )
        for rank, record in enumerate(ranked[:top], start=1)
    )
    notes = (counted(ranked), *split_note(select_on))
    return Table(f"Study {study}", columns, rows, notes)


def counted(records: Sequence[TrialRecord]) -> str:
    """`24 trials: 20 complete, 4 pruned.`"""
    states = [record.state for record in records]
    counts = ", ".join(f"{states.count(s)} {s.value}" for s in State if s in states)
    return f"{len(records)} trials: {counts}."


def named(record: TrialRecord, links: RunLinks) -> Entry:
    """The trial's name with its run."""
    url = links.of(record.plan.id)
    return Entry(record.plan.name, links=(Link("run", url),) if url else ())


def shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)

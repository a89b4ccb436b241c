"""How far studies are, for the terminal."""

from __future__ import annotations

from orchestrator.home import Home
from orchestrator.planning.trials import current_records
from orchestrator.records import State
from orchestrator.reports.table import Table
from orchestrator.stored import stored_log, stored_study


def status_table(home: Home, name: str | None) -> Table:
    """Every study there is, or one of them."""
    if name is not None:
        stored_study(home, name)
    names = [name] if name else home.study_names()
    columns = ("study", *(state.value for state in State), "best", "hours")
    return Table("Studies", columns, tuple(_row(home, study) for study in names))


def _row(home: Home, name: str) -> tuple[str, ...]:
    study = stored_study(home, name)
    objective, records = study.spec.objective, current_records(study, stored_log(home, name))
    states = [record.state for record in records]
    bests = [record.best(objective.metric, objective.mode) for record in records]
    known = [value for value in bests if value is not None]
    best = (max if objective.mode == "max" else min)(known) if known else None
    shown = "" if best is None else f"{objective.metric} {best:.2f}"
    hours = sum(record.seconds for record in records) / 3600
    return (name, *(str(states.count(state) or "") for state in State), shown, f"{hours:.2f}")

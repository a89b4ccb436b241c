"""What follows from a study's log, made anew: its runs in MLflow, their list, the report."""

from __future__ import annotations

import json
from dataclasses import dataclass

from orchestrator.damage import DamagedLogError, damaged_lines, drop_damaged
from orchestrator.home import StudyFolder
from orchestrator.records import Role, State, StudyLog
from orchestrator.reports.table import Table
from orchestrator.session import Services, open_session
from orchestrator.spec import Study
from orchestrator.tracking.mending import SeenRun, delete, seen_runs, superfluous


@dataclass(frozen=True)
class LogRepair:
    """What was done to the log."""

    num_dropped: int = 0
    kept: tuple[str, ...] = ()
    """Where the log is as it was, if lines were left out."""

    @property
    def told(self) -> str:
        return f"{self.num_dropped} lines left out" if self.num_dropped else "whole"


@dataclass(frozen=True)
class RunRepair:
    """What was done to the runs of the trials."""

    made: int
    closed: int
    doubles: list[SeenRun]
    unknown: list[SeenRun]
    behind: int
    """Trials whose run does not say what the log says: MLflow did not take it."""

    @property
    def told(self) -> str:
        done = {
            "made": self.made,
            "closed": self.closed,
            "doubles deleted": len(self.doubles),
            "of unknown trials deleted": len(self.unknown),
            "still behind": self.behind,
        }
        return ", ".join(f"{number} {what}" for what, number in done.items() if number) or "whole"


@dataclass(frozen=True)
class Repair:
    """What was found, and what has been done."""

    folder: StudyFolder
    log: StudyLog
    on_log: LogRepair
    on_runs: RunRepair

    @property
    def table(self) -> Table:
        num_epochs = sum(len(record.epochs) for record in self.log.records.values())
        rows = (
            ("log", f"{len(self.log.records)} trials, {num_epochs} epochs", self.on_log.told),
            ("runs", f"{len(_shown(self.log))} in MLflow", self.on_runs.told),
            ("list of runs", self.folder.runs.name, "written"),
            ("report", f"{self.folder.report.name}, {self.folder.page.name}", "written"),
        )
        notes = tuple(f"The log as it was: {file}" for file in self.on_log.kept)
        return Table("Repair", ("what", "found", "done"), rows, notes)


class _NoTrials:
    """Nothing to run: a driver that does everything else."""

    total = num_left = 0
    is_waiting = False

    def next(self) -> None:
        return None


def tracked_at(folder: StudyFolder) -> str:
    """The tracking URI that the study was last run with."""
    return str(json.loads(folder.spec.read_text())["tracking_uri"])


def repair(study: Study, services: Services, drop: bool = False) -> Repair:
    """Raises `StudyBusyError` while a driver runs the study, and `DamagedLogError` where its log
    has damaged lines that are not to be dropped."""
    name, uri = study.spec.study, services.tracking_uri
    folder = services.home.study(name)
    on_log = _repaired_log(folder, drop)
    before = seen_runs(uri, name)
    with open_session(study, services) as session:
        doubles, unknown = superfluous(before, session.log.records)
        delete(uri, [*doubles, *unknown])
        session.run(_NoTrials(), Role.CELL)
        session.is_stopped = any(not r.state.is_final for r in session.log.records.values())
    on_runs = _difference(before, seen_runs(uri, name), doubles, unknown, session.log)
    return Repair(folder, session.log, on_log, on_runs)


def _repaired_log(folder: StudyFolder, drop: bool) -> LogRepair:
    if folder.kept is not None:  # objects are whole; one that is not is named when it is read
        return LogRepair()
    with folder.locked():
        journal = folder.journal()
        damaged = damaged_lines(journal)
        if not damaged:
            return LogRepair()
        if not drop:
            raise DamagedLogError(journal, damaged)
        return LogRepair(len(damaged), tuple(drop_damaged(journal, damaged)))


def _difference(
    before: list[SeenRun],
    after: list[SeenRun],
    doubles: list[SeenRun],
    unknown: list[SeenRun],
    log: StudyLog,
) -> RunRepair:
    were_open = {run.id for run in before if run.trial and run.is_open}
    closed = {run.id for run in after if run.trial and not run.is_open}
    told = {run.trial for run in after if run.id in closed}
    made = {run.id for run in after if run.trial} - {run.id for run in before}
    behind = _shown(log) - told
    return RunRepair(len(made), len(were_open & closed), doubles, unknown, len(behind))


def _shown(log: StudyLog) -> set[str]:
    """Trials that have a run."""
    return {r.plan.id for r in log.records.values() if r.state is not State.WAITING}

"""The driver's memory while trials run: log first, then sampler, MLflow and screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.engine.documents import Raw
from orchestrator.engine.files import TrialFiles
from orchestrator.home import StudyFolder
from orchestrator.pictures.confusion import draw_confusion
from orchestrator.records import Role, State, StudyLog, TrialPlan, TrialRecord
from orchestrator.search.sampling import Proposals
from orchestrator.spec import Objective
from orchestrator.tracking.runs import Tracker
from orchestrator.view import View


@dataclass
class Recorder:
    """The `Listener` of a study. What the log has is safe; everything else follows it."""

    folder: StudyFolder
    objective: Objective
    log: StudyLog
    tracker: Tracker
    view: View
    role: Role
    total: int
    proposals: Proposals | None = None

    def started(self, plan: TrialPlan) -> None:
        self.log.start(plan.id)
        record = self.log.records[plan.id]
        self.sync(record)
        self.view.started(record)

    def epoch(self, plan: TrialPlan, metrics: dict[str, float]) -> None:
        if not self.log.epoch(plan.id, metrics):
            return
        value = metrics.get(self.objective.metric)
        if self.proposals is not None and value is not None:
            self.proposals.report(plan.id, int(metrics["epoch"]), value)
        self.sync(self.log.records[plan.id])

    def ended(self, plan: TrialPlan, state: State, result: Raw | None, error: str | None) -> None:
        self.log.end(plan.id, state, result, error)
        record = self.log.records[plan.id]
        if self.proposals is not None:
            self.proposals.tell(record)
        self.sync(record)
        self.view.ended(record, self.log.of_role(self.role))

    def tick(self) -> None:
        self.view.refresh(self._shown, self.total)

    def sync(self, record: TrialRecord) -> None:
        self.tracker.sync(record, partial(self._artifacts, record))

    def _artifacts(self, record: TrialRecord) -> list[Path]:
        """What is worth keeping with the trial's run."""
        files = TrialFiles(self.folder.trial(record.plan.id))
        is_undrawn = files.predictions.exists() and not files.confusion.exists()
        if record.state is State.COMPLETE and is_undrawn:
            draw_confusion(files)
        return files.artifacts

    def _shown(self) -> list[TrialRecord]:
        return self.log.of_role(self.role)

    def mend(self) -> None:
        """Bring every run up to date with what an earlier driver, dead or done, left in the log."""
        self.interrupt()
        for record in self.log.records.values():
            if record.state is not State.WAITING:
                self.sync(record)

    def interrupt(self) -> int:
        """Mark what was still running, and count it: the next run carries on with it."""
        running = [r.plan.id for r in self.log.records.values() if r.state is State.RUNNING]
        for trial in running:
            self.log.end(trial, State.INTERRUPTED)
            self.sync(self.log.records[trial])
        return len(running)

"""The driver's memory while trials run: log first, then sampler, MLflow and screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.causes import Cause, Loss
from orchestrator.engine.documents import Raw
from orchestrator.engine.files import TrialFiles
from orchestrator.home import StudyFolder
from orchestrator.records import Role, State, StudyLog, TrialPlan, TrialRecord
from orchestrator.spec import Objective
from orchestrator.tracking.runs import Tracker
from orchestrator.view import View

if TYPE_CHECKING:
    from orchestrator.search.sampling import Proposals


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

    def epoch(self, plan: TrialPlan, metrics: dict[str, float], is_pruned: bool = False) -> None:
        if not self.log.epoch(plan.id, metrics, is_pruned):
            return
        value = metrics.get(self.objective.metric)
        if self.proposals is not None and value is not None:
            self.proposals.report(plan.id, int(metrics["epoch"]), value)
        self.sync(self.log.records[plan.id])

    def lost(self, plan: TrialPlan, cause: Cause, detail: str, node: str | None) -> list[Loss]:
        self.log.lose(plan.id, cause, detail, node)
        record = self.log.records[plan.id]
        self.sync(record)
        self.view.lost(record)
        return record.losses

    def ended(
        self,
        plan: TrialPlan,
        state: State,
        result: Raw | None = None,
        error: str | None = None,
        cause: Cause | None = None,
    ) -> None:
        self.log.end(plan.id, state, result, error, cause)
        record = self.log.records[plan.id]
        if self.proposals is not None:
            self.proposals.tell(record)
        self.sync(record)
        self.view.ended(record, self.log.of_role(self.role))

    def placed(self, plan: TrialPlan, node: str, gpus: float) -> None:
        self.log.place(plan.id, node, gpus)

    def stopping(self, seconds: float) -> None:
        self.view.stopping(seconds)

    def tick(self) -> None:
        self.log.settle()
        self.view.refresh(self._shown, self.total)

    def sync(self, record: TrialRecord) -> None:
        self.tracker.sync(record, partial(self._artifacts, record))

    def _artifacts(self, record: TrialRecord) -> Iterator[Path]:
        """Brought here and drawn when the tracker wants them, in its own thread."""
        files = TrialFiles(self.folder.bring(record.plan.id))
        is_undrawn = files.predictions.exists() and not files.confusion.exists()
        if record.state is State.COMPLETE and is_undrawn:
            from orchestrator.pictures.confusion import draw_confusion

            draw_confusion(files)
            self.folder.keep(files.confusion)
        yield from files.artifacts

    def _shown(self) -> list[TrialRecord]:
        return self.log.of_role(self.role)

    def mend(self) -> None:
        """Bring every run up to date with what an earlier driver, dead or done, left in the log."""
        self.interrupt()
        for record in self.log.records.values():
            if record.state is not State.WAITING:
                self.sync(record)

    def interrupt(self) -> int:
        """Mark what was still under way, and count it: the next run carries on with it."""
        open_trials = [r.plan.id for r in self.log.records.values() if r.is_under_way]
        for trial in open_trials:
            self.log.end(trial, State.INTERRUPTED)
            self.sync(self.log.records[trial])
        return len(open_trials)

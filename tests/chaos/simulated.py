"""Studies whose trials nobody trains, run by everything of a driver but Ray and MLflow.

Sources, sampler, stop rules, recorder and log are the real ones. What a trial comes to follows from
its plan; which trial comes next follows from what all of them have told, so that a study that is
carried on sees its results arrive in the order in which an undisturbed one would have.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from orchestrator.causes import Cause
from orchestrator.cluster.attempts import Attempts, Job, Listener, TrialSource
from orchestrator.cluster.schedulers import scheduler_of
from orchestrator.engine.files import TrialFiles, save_predictions
from orchestrator.home import Home, StudyFolder
from orchestrator.interruption import Stop
from orchestrator.planning.trials import Planner, current_records
from orchestrator.records import State, StudyLog, TrialPlan, TrialRecord
from orchestrator.session import Services, Session, open_session
from orchestrator.spec import Study
from orchestrator.study import _run_ablation, _run_search
from orchestrator.tracking.study_run import StudySummary
from orchestrator.tracking.trial_runs import Artifacts, no_artifacts
from orchestrator.view import View
from tests.orchestrator.finished_study import LABELS, NUM_CLIPS, RESULT, scores_with


class Killed(BaseException):
    """The driver is dead from here on."""


class Silent:
    """A tracker that shows nothing."""

    def sync(self, record: TrialRecord, artifacts: Artifacts = no_artifacts) -> None: ...

    def finish(self, status: str, summary: StudySummary) -> None: ...


def num_right(plan: TrialPlan) -> int:
    """Of the clips: a search likes rates near 0.1, an ablation its baseline; the rest is luck."""
    luck = int(plan.id[:6], 16) % 5
    if plan.params:
        rate = float(plan.params.get("optimizer.lr", 0.05))
        return max(2, 30 - round(60 * abs(rate - 0.1))) + luck
    return 30 + luck


def metrics_of(plan: TrialPlan, epoch: int) -> dict[str, float]:
    """The last epoch is the best one."""
    num_epochs = int(plan.config["epochs"])
    wobble = int(hashlib.sha256(f"{plan.id} {epoch}".encode()).hexdigest()[:4], 16) % 7
    right = num_right(plan) - (num_epochs - 1 - epoch) * 2
    top1 = 100 * right / NUM_CLIPS - (wobble / 10 if epoch < num_epochs - 1 else 0)
    times = {"epoch_seconds": 1.5}
    return {"epoch": epoch, "train/loss": 3 - epoch / 10, "val/top1": top1, **times}


def is_hopeless(plan: TrialPlan) -> bool:
    """Every eighth trial of a search diverges at its second epoch."""
    return bool(plan.params) and "optimizer.lr" in plan.params and int(plan.id[6:8], 16) % 8 == 0


@dataclass
class Disk:
    """What trials leave in their folders: it outlives the driver."""

    folder: StudyFolder
    epochs: Counter[str] = field(default_factory=Counter)
    """Epochs of each trial that its checkpoint has."""
    trained: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often an epoch was computed."""

    def train(self, plan: TrialPlan, epoch: int) -> None:
        if epoch < self.epochs[plan.id]:
            return
        self.trained[plan.id, epoch] += 1
        self.epochs[plan.id] = epoch + 1
        files = TrialFiles(self.folder.trial(plan.id))
        files.root.mkdir(parents=True, exist_ok=True)
        files.last.write_text(f"weights of {plan.id} after {epoch + 1} epochs")
        if epoch == int(plan.config["epochs"]) - 1:
            self.keep_predictions(plan)

    def keep_predictions(self, plan: TrialPlan) -> None:
        scores = scores_with(num_right(plan), order=plan.seed)
        names = [f"clip{number}" for number in range(NUM_CLIPS)]
        about = {"data_digest": plan.data_digest, "protocol": "xsub", "split": "val"}
        files = TrialFiles(self.folder.trial(plan.id))
        save_predictions(files.predictions, names, LABELS, scores, {}, about)
        files.confusion.write_bytes(b"drawn already")


@dataclass
class Fuse:
    """Kills the driver after so many steps, or stops it as Ctrl-C does."""

    steps: int | None = None
    error: type[BaseException] = Killed
    workers: Container[int] = ()
    """Steps at which it is a worker that dies, with its node."""
    log: bytes = b""
    """The log at that moment: a dead driver clears nothing up."""
    _num_steps: int = 0

    def burn(self, log: Path) -> None:
        if self.steps is None:
            return
        if self.steps == 0:
            self.log = log.read_bytes()
            raise self.error
        self.steps -= 1

    def kills_worker(self) -> bool:
        self._num_steps += 1
        return self._num_steps in self.workers


@dataclass
class Executor:
    """Stands where `run_trials` stands: so many trials side by side, one epoch a step."""

    disk: Disk
    fuse: Fuse = field(default_factory=Fuse)
    workers: int = 3
    order: int = 0
    """Another order in which trials take turns."""

    def __call__(
        self,
        source: TrialSource,
        listener: Listener,
        job: Job,
        known: list[TrialRecord],
        stop: Stop,
    ) -> None:
        plans: dict[str, TrialPlan] = {}
        self._attempts = Attempts(source, listener, job, known, stop, lambda needed: needed)
        self._scheduler = scheduler_of(job.scheduler, job.objective, plans, known, stop)
        self._recorder = listener
        running: list[TrialPlan] = []
        while True:
            while len(running) < self.workers and (attempt := self._attempts.next()) is not None:
                plan, _ = attempt
                plans[plan.id] = plan
                self._say(self._attempts.started, plan)
                running.append(plan)
            if not running:
                return
            running.sort(key=self._turn)
            if self._step(running[0]):
                running.pop(0)

    def _turn(self, plan: TrialPlan) -> str:
        """A driver that died before it wrote down the end of a trial does that first."""
        known = self._known(plan)
        if known == plan.config["epochs"]:
            return ""
        return hashlib.sha256(f"{plan.id} {known} {self.order}".encode()).hexdigest()

    def _known(self, plan: TrialPlan) -> int:
        """How many epochs the log has."""
        return len(self._recorder.log.records[plan.id].epochs)

    def _step(self, plan: TrialPlan) -> bool:
        """On to the first epoch that the log does not have; whether the attempt is over then."""
        if self.fuse.kills_worker():
            self._say(self._attempts.died, plan, Cause.LOST_NODE, "the node is gone", "node 1")
            return True
        num_epochs = int(plan.config["epochs"])
        for epoch in range(min(self._known(plan) + 1, num_epochs)):
            if epoch == 1 and is_hopeless(plan):
                self._say(self._attempts.ended, plan, State.DIVERGED, None, "not finite")
                return True
            self.disk.train(plan, epoch)
            if self._tell(plan, epoch):
                return True
        return False

    def _tell(self, plan: TrialPlan, epoch: int) -> bool:
        """As Ray does: the scheduler first, who is not asked about the last epoch."""
        metrics, trial = metrics_of(plan, epoch), SimpleNamespace(trial_id=plan.id)
        result = {"training_iteration": epoch + 1, "metrics": [metrics]}
        is_last = epoch == int(plan.config["epochs"]) - 1
        if is_last:
            self._scheduler.on_trial_complete(None, trial, result)
        else:
            self._scheduler.on_trial_result(None, trial, result)
        is_pruned = self._scheduler.has_pruned(plan.id)
        self._say(self._attempts.epoch, plan, metrics, is_pruned)
        if is_last:
            best = {key: metrics[key] for key in ("epoch", "val/top1")}
            self._say(self._attempts.ended, plan, State.COMPLETE, {**RESULT, "best": best})
        elif is_pruned:
            self._say(self._attempts.ended, plan, State.PRUNED)
        return is_last or is_pruned

    def _say(self, tell: Callable[..., None], *content: Any) -> None:
        self.fuse.burn(self.disk.folder.log)
        tell(*content)
        self._recorder.tick()


@dataclass
class Simulation:
    """A study and where it lies; each `run` is a driver of its own."""

    study: Study
    data_root: Path
    home: Home
    patch: pytest.MonkeyPatch
    planner: Planner = field(init=False)
    disk: Disk = field(init=False)

    def __post_init__(self) -> None:
        self.planner = Planner(self.study, self.data_root)
        self.planner.store(self.study.baseline)
        self.disk = Disk(self.folder)

    @property
    def folder(self) -> StudyFolder:
        return self.home.study(self.study.spec.study)

    def run(self, fuse: Fuse | None = None, order: int = 0) -> None:
        """Run or carry on; a driver that is killed leaves the log as it was at that moment."""
        services = self._services(Executor(self.disk, fuse or Fuse(), order=order))
        self.folder.root.mkdir(parents=True, exist_ok=True)
        journal = self.folder.journal()
        with self.folder.locked() as fence, closing(StudyLog(journal).open()) as log:
            self._run(Session(self.study, services, self.folder, log, Silent(), fence))

    def run_tracked(self) -> None:
        """With MLflow in the home, as a whole study is run, but for the report."""
        self.patch.setattr("orchestrator.session.write_report", lambda *_: ())
        with open_session(self.study, self._services(Executor(self.disk))) as session:
            self._run(session)

    def _services(self, executor: Executor) -> Services:
        self.patch.setattr("orchestrator.cluster.tuning.run_trials", executor)
        self.patch.setattr("orchestrator.session.cluster", lambda *_, **__: nullcontext())
        view = View(Console(quiet=True), self.study.spec.objective)
        return Services(self.home, self.home.embedded_uri, view)

    def _run(self, session: Session) -> None:
        session.log.use_data(self.planner.digests)
        is_search = self.study.spec.search is not None
        (_run_search if is_search else _run_ablation)(session, self.planner)

    def run_until(self, fuse: Fuse, order: int = 0) -> None:
        """A driver that dies, or is told to stop, where the fuse says."""
        try:
            self.run(fuse, order)
        except Killed:
            self.folder.log.write_bytes(fuse.log)

    def tear(self, number: int) -> None:
        """Lose the last bytes of the log: at most the last line of it."""
        events = self.folder.log.read_bytes()
        last = len(events) - events[:-1].rfind(b"\n") - 1
        self.folder.log.write_bytes(events[: len(events) - min(number, last)])

    def at(self, home: Home) -> Simulation:
        """The same study elsewhere, with nothing done yet."""
        return Simulation(self.study, self.data_root, home, self.patch)

    def cut_to(self, events: bytes) -> None:
        """As a driver that died then would have left it: no file is there that came later."""
        self.folder.root.mkdir(parents=True, exist_ok=True)
        self.folder.log.write_bytes(events)
        for record in StudyLog(self.folder.log).records.values():
            for epoch in range(len(record.epochs)):
                self.disk.train(record.plan, epoch)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.folder.log.read_bytes().splitlines()]

    @property
    def records(self) -> list[TrialRecord]:
        return current_records(self.study, StudyLog(self.folder.log))

    @property
    def decisions(self) -> list[tuple[Any, ...]]:
        """What was planned, in order, and what became of it: all but the times."""
        return [
            (r.plan.id, r.plan.name, r.plan.params, r.state, len(r.epochs)) for r in self.records
        ]

    def told(self, kind: str) -> Iterator[dict[str, Any]]:
        return (event for event in self.events if event["event"] == kind)

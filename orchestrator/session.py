"""A study while one driver works on it: its log, its runs in MLflow, its lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.ablation.cells import arms_of, study_variants
from orchestrator.choice import choose_from
from orchestrator.cluster.attempts import Job, TrialSource
from orchestrator.cluster.nodes import LOCAL, Cluster, cluster
from orchestrator.engine.config import flattened
from orchestrator.engine.errors import StorageError
from orchestrator.environment import git_commit
from orchestrator.home import Home, StudyFolder
from orchestrator.interruption import Stop
from orchestrator.planning.trials import current_records
from orchestrator.recorder import Recorder
from orchestrator.records import Role, State, StudyLog, TrialPlan, TrialRecord
from orchestrator.reports.description import description
from orchestrator.reports.study import StudyReport
from orchestrator.search.scheduler_spec import NoScheduler, Scheduler
from orchestrator.spec import Study
from orchestrator.storage.data_sets import offer_stores
from orchestrator.storage.lease import Fence
from orchestrator.storage.worker import Kept
from orchestrator.stored import remember, stored_report, write_changed, write_report
from orchestrator.tracking.runs import MlflowTracker
from orchestrator.tracking.saved_views import SavedView, links_to, saved_views
from orchestrator.tracking.study_run import StudySummary, StudyTags
from orchestrator.view import View

if TYPE_CHECKING:
    from orchestrator.search.sampling import Proposals

NO_SCHEDULER = NoScheduler(name="none")


@dataclass(frozen=True)
class Services:
    """Where a study keeps its things, runs and is shown."""

    home: Home
    tracking_uri: str
    view: View
    cluster: Cluster = LOCAL


@dataclass
class Session:
    """A study while one driver, and no other, works on it."""

    study: Study
    services: Services
    folder: StudyFolder
    log: StudyLog
    tracker: MlflowTracker
    fence: Fence
    is_stopped: bool = True
    """Whether something is left to be done: known after `run`."""
    gave_up: str | None = None
    """Why the rest was not even tried."""
    report: StudyReport | None = None
    """Known once the session is closed."""

    def run(
        self,
        source: TrialSource,
        role: Role,
        scheduler: Scheduler = NO_SCHEDULER,
        proposals: Proposals | None = None,
        *,
        by_workers: bool = False,
    ) -> None:
        """Train on the cluster until the source is dry or the user stops it.

        `by_workers`: one after the other, each by as many workers as its configuration says.
        """
        objective, view = self.study.spec.objective, self.services.view
        recorder = Recorder(
            self.folder, objective, self.log, self.tracker, view, role, source.total, proposals
        )
        recorder.mend()
        known, stop = current_records(self.study, self.log), Stop()
        try:
            if source.num_left > 0:
                from orchestrator.cluster.probing import packed

                resources, train = self.study.spec.resources, _trainer(by_workers)
                with cluster(self.services.cluster, resources.least), view:
                    job = self.job(scheduler)
                    if resources.measured:
                        job = packed(job, [] if by_workers else self._unseen(role), view.line)
                    train(source, recorder, job, known, stop)
        except KeyboardInterrupt:
            stop.ask()
            view.line("stopping at once")
        finally:
            num_interrupted = recorder.interrupt()
        self.gave_up = stop.reason
        self.is_stopped = stop.is_wanted or num_interrupted > 0 or source.num_left > 0

    def _unseen(self, role: Role) -> list[TrialPlan]:
        """What is planned and was never started."""
        return [r.plan for r in self.log.of_role(role) if r.state is State.WAITING]

    def use_data(self, digests: dict[str, str]) -> None:
        """From now on the study is about these data sets, and every node can have them."""
        offer_stores(digests, self.services.home.data, self.services.home.data_sets)
        self.log.use_data(digests)

    def reopen_failed(self, records: Iterable[TrialRecord]) -> None:
        """Failed trials are tried again: the cause (memory, disk, a node) may be gone."""
        for record in records:
            if record.state in {State.FAILED, State.OUT_OF_MEMORY}:
                self.log.reopen(record.plan.id)

    def job(self, scheduler: Scheduler) -> Job:
        spec, home = self.study.spec, self.services.home
        return Job(
            objective=spec.objective,
            resources=spec.resources,
            scheduler=scheduler,
            retries=spec.retries,
            limits=spec.limits,
            stop_after_same_errors=spec.stop_after_same_errors,
            max_concurrent=spec.max_concurrent,
            kept=Kept(self.folder.trials_uri, str(home.data), home.data_sets),
            scratch=self.folder.ray,
            device="cuda" if spec.resources.gpu > 0 else "cpu",
        )

    def close(self) -> None:
        """The study's report, on disk and with the study's run, which is closed in any case;
        nothing at all by a driver that another one has taken over from."""
        self.fence()
        summary = StudySummary()
        try:
            summary = self._summary()
        finally:
            self.tracker.finish("KILLED" if self.is_stopped else "FINISHED", summary)

    def _summary(self) -> StudySummary:
        self.tracker.catch_up()
        write_changed(self.folder, self.folder.runs, self.tracker.run_ids)
        report = self.report = stored_report(self.study, self.log, self.folder)
        files = write_report(report, self.folder)
        places = {f: "" if f.parent == self.folder.root else f.parent.name for f in files}
        return StudySummary(self._description(report), summary_metrics(report), places)

    def _description(self, report: StudyReport) -> str:
        experiment, run = self.tracker.experiment_id, self.tracker.study_run_id
        page = f"#/experiments/{experiment}/runs/{run}/artifacts/{self.folder.page.name}"
        views = links_to(_views(self.study), experiment)
        return description(report, [f"[Report]({page})", *views])


def _trainer(by_workers: bool) -> Callable[..., None]:
    """Ray takes seconds to import, and one of its parts is enough."""
    if by_workers:
        from orchestrator.cluster.final import run_finals

        return run_finals
    from orchestrator.cluster.tuning import run_trials

    return run_trials


@contextmanager
def open_session(study: Study, services: Services) -> Iterator[Session]:
    """Take the study; raises `StudyBusyError` while another driver has it."""
    services.home.require_writable()
    folder = services.home.study(study.spec.study)
    with folder.locked() as fence, closing(StudyLog(folder.journal(fence)).open()) as log:
        tracker = _tracker(study, services)
        remember(
            study,
            folder,
            {
                "tracking_uri": services.tracking_uri,
                "experiment_id": tracker.experiment_id,
                "study_run_id": tracker.study_run_id,
            },
        )
        session = Session(study, services, folder, log, tracker, fence)
        try:
            yield session
        except StorageError:
            with suppress(OSError, StorageError):  # where nothing can be written, no report is
                session.close()
            raise
        except BaseException:
            session.close()
            raise
        session.close()


def summary_metrics(report: StudyReport) -> dict[str, float]:
    """The figures that the study's own run carries, so that studies can be compared."""
    study, records = report.study, report.records
    metrics = {"trials": float(len(records)), "trial_seconds": sum(r.seconds for r in records)}
    if (choice := choose_from(study, records, report.results)) is not None:
        metrics[f"best/{study.spec.objective.metric}"] = choice.value
    return metrics


def _tracker(study: Study, services: Services) -> MlflowTracker:
    spec = study.spec
    kind = "ablation" if spec.ablation else "search"
    params = {"study_file": study.source, "kind": kind, "trial": spec.trial}
    services.home.root.mkdir(parents=True, exist_ok=True)
    tags = {"study": spec.study, **git_tags()}
    params |= flattened(study.baseline.plain())
    about = StudyTags(spec.study, params, tags, varied_paths(study), _views(study))
    uri, tell = services.tracking_uri, services.view.line
    return MlflowTracker(uri, services.home.artifacts, about, tell)


def _views(study: Study) -> tuple[SavedView, ...]:
    return saved_views(study, varied_paths(study))


def varied_paths(study: Study) -> tuple[str, ...]:
    """The dotted paths in which the study's trials may differ, seeds apart."""
    if study.spec.search is not None:
        return tuple(study.spec.search.space)
    arms = (arm for variant in study_variants(study) for arm in arms_of(study, variant))
    paths = dict.fromkeys(path for arm in arms for path in arm.changes)
    return tuple(path for path in paths if path != "init_like")


def git_tags() -> dict[str, str]:
    """The commit of the code that runs, where it is known."""
    commit = git_commit()
    return {"mlflow.source.git.commit": commit} if commit else {}

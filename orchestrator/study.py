"""A study from its file to its report: run what is missing, remember everything, sum it up."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.ablation import variants_of
from orchestrator.engine.config import flattened, resolve_trial
from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import write_json, write_text
from orchestrator.home import Home, StudyFolder
from orchestrator.planning import (
    CellSource,
    Planner,
    SearchSource,
    cells,
    check_space,
    current_records,
    open_search,
)
from orchestrator.recorder import Recorder
from orchestrator.records import StudyLog, TrialRecord
from orchestrator.report import (
    Table,
    ablation_table,
    leaderboard,
    ranking,
    variant_rows,
)
from orchestrator.sampling import Proposals
from orchestrator.spec import NoScheduler, Scheduler, Search, Study, StudySpec
from orchestrator.tracking import MlflowTracker, StudySummary, StudyTags
from orchestrator.tuning import LOCAL, PACKAGE_ROOT, Cluster, Job, TrialSource, cluster, run_trials
from orchestrator.view import View

NO_SCHEDULER = NoScheduler(name="none")


class StudyBusyError(SkelTuneError):
    """Another driver runs this study."""


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

    def run(
        self,
        source: TrialSource,
        scheduler: Scheduler = NO_SCHEDULER,
        proposals: Proposals | None = None,
    ) -> None:
        """Train on the cluster until the source is dry or the user stops it."""
        objective, view = self.study.spec.objective, self.services.view
        recorder = Recorder(
            self.folder, objective, self.log, self.tracker, view, source.total, proposals
        )
        recorder.mend()
        if source.num_left == 0:
            return
        finished = [r for r in current_records(self.study, self.log) if r.state.is_final]
        try:
            with cluster(self.services.cluster, self.study.spec.resources), view:
                run_trials(source, recorder, self._job(scheduler), finished)
        except KeyboardInterrupt:
            view.line("stopping")
        finally:
            recorder.interrupt()

    def _job(self, scheduler: Scheduler) -> Job:
        spec = self.study.spec
        return Job(
            objective=spec.objective,
            resources=spec.resources,
            scheduler=scheduler,
            retries=spec.retries,
            max_concurrent=spec.max_concurrent,
            trials=self.folder.trials,
            scratch=self.folder.ray,
            data_root=self.services.home.data,
            device="cuda" if spec.resources.gpu > 0 else "cpu",
        )

    def close(self) -> None:
        """The study's table, on disk and with the study's run, which is closed."""
        table = table_of(self.study, self.log)
        write_text(self.folder.report, table.markdown())
        records = current_records(self.study, self.log)
        is_done = all(record.state.is_final for record in records)
        metrics = summary_metrics(self.study, records)
        summary = StudySummary(table.markdown(), metrics, (self.folder.report,))
        self.tracker.finish("FINISHED" if is_done else "KILLED", summary)
        if self.tracker.late:
            behind = f"MLflow lacks the last news of {len(self.tracker.late)} trials"
            self.services.view.line(f"{behind}; the same command brings it up to date")


@contextmanager
def open_session(study: Study, services: Services) -> Iterator[Session]:
    """Take the study; raises `StudyBusyError` while another driver has it."""
    folder = services.home.study(study.spec.study)
    with locked(folder):
        log = StudyLog(folder.log).open()
        tracker = _tracker(study, services)
        _remember(study, folder, services, tracker)
        session = Session(study, services, folder, log, tracker)
        try:
            yield session
        finally:
            session.close()


def run_study(study: Study, services: Services) -> list[TrialRecord]:
    """Run, or carry on with what is missing; if the user stopped it, some records are not final."""
    planner = Planner(study, services.home.data)
    search = study.spec.search
    if search is None:
        return _run_cells(study, services, planner)
    return _run_search(study, services, planner, search)


def _run_cells(study: Study, services: Services, planner: Planner) -> list[TrialRecord]:
    plans = cells(study, planner)
    with open_session(study, services) as session:
        session.run(CellSource(plans, session.log))
        return [session.log.records[plan.id] for plan in plans]


def _run_search(
    study: Study, services: Services, planner: Planner, search: Search
) -> list[TrialRecord]:
    check_space(study)
    with open_session(study, services) as session:
        proposals = open_search(study, session.log)
        source = SearchSource(search, planner, session.log, proposals)
        session.run(source, search.scheduler, proposals)
        return current_records(study, session.log)


def table_of(study: Study, log: StudyLog) -> Table:
    """Pure: the study's table from its log."""
    spec, records = study.spec, current_records(study, log)
    if spec.ablation is None:
        return leaderboard(spec.study, records, spec.objective, study.baseline.select_on)
    names = [variant.name for variant in variants_of(spec.ablation)]
    rows = variant_rows(records, spec.objective, names)
    return ablation_table(spec.study, rows, spec.objective, study.baseline.select_on)


def summary_metrics(study: Study, records: list[TrialRecord]) -> dict[str, float]:
    """The figures that the study's own run carries, so that studies can be compared."""
    objective = study.spec.objective
    metrics = {"trials": float(len(records)), "trial_seconds": sum(r.seconds for r in records)}
    best = [r.best(objective.metric, objective.mode) for r in ranking(records, objective)[:1]]
    if best and best[0] is not None:
        metrics[f"best/{objective.metric}"] = best[0]
    return metrics


def stored_study(home: Home, name: str) -> Study:
    """The study as it was last run; `SkelTuneError` listing the known ones if it never was."""
    folder = home.study(name)
    if not folder.spec.exists():
        known = sorted(path.parent.name for path in home.studies.glob("*/study.json"))
        raise SkelTuneError(
            f"no study {name!r} in {home.studies}; known: {', '.join(known) or 'none'}"
        )
    saved = json.loads(folder.spec.read_text())
    spec = StudySpec.model_validate(saved["spec"])
    baseline = resolve_trial(saved["trial"], {}, saved["source"])
    return Study(spec, saved["source"], saved["trial"], baseline)


def stored_log(home: Home, name: str) -> StudyLog:
    return StudyLog(home.study(name).log)


def _remember(
    study: Study, folder: StudyFolder, services: Services, tracker: MlflowTracker
) -> None:
    document: Raw = {
        "source": study.source,
        "spec": study.spec.model_dump(mode="json", by_alias=True),
        "trial": study.trial_document,
        "tracking_uri": services.tracking_uri,
        "experiment_id": tracker.experiment_id,
        "study_run_id": tracker.study_run_id,
    }
    write_json(folder.spec, document)


def _tracker(study: Study, services: Services) -> MlflowTracker:
    spec = study.spec
    kind = "ablation" if spec.ablation else "search"
    params = {"study_file": study.source, "kind": kind, "trial": spec.trial}
    services.home.root.mkdir(parents=True, exist_ok=True)
    tags = {"study": spec.study, **git_tags()}
    about = StudyTags(
        spec.study, params | flattened(study.baseline.plain()), tags, varied_paths(spec)
    )
    return MlflowTracker(services.tracking_uri, services.home.artifacts, about)


def varied_paths(spec: StudySpec) -> tuple[str, ...]:
    """The dotted paths in which the study's trials may differ, seeds apart."""
    if spec.search is not None:
        return tuple(spec.search.space)
    assert spec.ablation is not None
    changes = [variant.changes for variant in variants_of(spec.ablation)]
    return tuple(dict.fromkeys(path for change in changes for path in change))


def git_tags() -> dict[str, str]:
    """The commit of the code that runs, unless it is no checkout or git is absent."""
    command = ["git", "-C", str(PACKAGE_ROOT), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"mlflow.source.git.commit": done.stdout.strip()}


@contextmanager
def locked(folder: StudyFolder) -> Iterator[None]:
    """An advisory lock that ends with the process, however that ends."""
    folder.root.mkdir(parents=True, exist_ok=True)
    with folder.lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip()
            raise StudyBusyError(
                f"study {folder.root.name} is being run by process {owner}"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

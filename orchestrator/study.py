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
from orchestrator.engine.config import resolve_trial
from orchestrator.engine.documents import Raw, dump_yaml
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import write_json, write_text
from orchestrator.home import Home, StudyFolder
from orchestrator.planning import CellSource, Planner, SearchSource, cells, check_space, open_search
from orchestrator.recorder import Recorder
from orchestrator.records import Role, StudyLog, TrialRecord
from orchestrator.report import (
    Table,
    ablation_table,
    leaderboard,
    ranking,
    variant_rows,
)
from orchestrator.sampling import Proposals
from orchestrator.spec import NoScheduler, Scheduler, Study, StudySpec
from orchestrator.tracking import MlflowTracker, StudyTags
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
    planner: Planner

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
        finished = [r for r in self.log.of_role(Role.SEARCH) if r.state.is_final]
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
            epochs=self.study.baseline.epochs,
            retries=spec.retries,
            max_concurrent=spec.max_concurrent,
            trials=self.folder.trials,
            scratch=self.folder.ray,
            data_root=self.services.home.data,
            device="cuda" if spec.resources.gpu > 0 else "cpu",
        )

    def report(self) -> Table:
        """The study's table, on disk and with the study's run."""
        table = table_of(self.study, self.log)
        write_text(self.folder.report, table.markdown())
        records = self.log.of_role(Role.CELL, Role.SEARCH)
        is_done = all(record.state.is_final for record in records)
        self.tracker.finish(
            "FINISHED" if is_done else "KILLED",
            summary_metrics(self.study, records),
            [self.folder.report],
        )
        return table


@contextmanager
def open_session(study: Study, services: Services) -> Iterator[Session]:
    """Take the study; raises `StudyBusyError` while another driver has it."""
    folder = services.home.study(study.spec.study)
    with locked(folder):
        log = StudyLog(folder.log).open()
        tracker = _tracker(study, services)
        _remember(study, folder, services, tracker)
        yield Session(study, services, folder, log, tracker, Planner(study, services.home.data))


def run_study(study: Study, services: Services) -> list[TrialRecord]:
    """Run, or carry on with what is missing; afterwards some records are not final if the user
    stopped it."""
    with open_session(study, services) as session:
        log, planner = session.log, session.planner
        if study.spec.search is None:
            session.run(CellSource(cells(study, planner), log))
        else:
            check_space(study)
            proposals = open_search(study, log)
            source = SearchSource(study.spec.search, planner, log, proposals)
            session.run(source, study.spec.search.scheduler, proposals)
        session.report()
        return log.of_role(Role.CELL, Role.SEARCH)


def table_of(study: Study, log: StudyLog) -> Table:
    """Pure: the study's table from its log."""
    spec = study.spec
    if spec.ablation is None:
        return leaderboard(spec.study, log.of_role(Role.SEARCH), spec.objective)
    names = [variant.name for variant in variants_of(spec.ablation)]
    rows = variant_rows(log.of_role(Role.CELL), spec.objective, names)
    return ablation_table(spec.study, rows, spec.objective)


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
    trial = dump_yaml(study.baseline.plain())
    description = f"{kind.capitalize()} `{study.source}` on the trial\n```yaml\n{trial}```"
    params = {"study_file": study.source, "trial": spec.trial, "kind": kind}
    services.home.root.mkdir(parents=True, exist_ok=True)
    about = StudyTags(spec.study, description, params, {"study": spec.study, **git_tags()})
    return MlflowTracker(services.tracking_uri, services.home.artifacts, about)


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

"""Runs in MLflow: one experiment a study, a study run in it, one child run a trial.

A run is a projection of a record: `sync` brings it up to date, however far it was before, so the
same call starts a run, goes on with it after a crash, and mends one that a crash left behind.
Only the driver writes, in batches.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from orchestrator.engine.config import flattened, value_at
from orchestrator.engine.errors import SkelTuneError
from orchestrator.records import State, TrialPlan, TrialRecord
from orchestrator.tracking.saved_views import VARIED, SavedView

logger = logging.getLogger(__name__)
for _noisy in ("mlflow", "alembic"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)

_UNREACHABLE = (MlflowException, OSError)  # uploads raise the OSErrors of requests
TRIAL_TAG = "skeltune.trial"
_NOTE = "mlflow.note.content"
_PARENT_TAG = "mlflow.parentRunId"
_LONGEST_PARAM = 6000
_LONGEST_TAG = 5000
_STATUS = {
    State.WAITING: "SCHEDULED",
    State.RUNNING: "RUNNING",
    State.INTERRUPTED: "KILLED",
    State.COMPLETE: "FINISHED",
    State.PRUNED: "FINISHED",
    State.DIVERGED: "FAILED",
    State.FAILED: "FAILED",
    State.OUT_OF_MEMORY: "FAILED",
}


class Tracker(Protocol):
    """Where records are shown to people."""

    @property
    def late(self) -> frozenset[str]:
        """Trials that could not be shown as they are; to be tried again."""

    def sync(self, record: TrialRecord, artifacts: Iterable[Path] = ()) -> None:
        """Bring the trial's run up to date."""

    def finish(self, status: str, summary: StudySummary) -> None:
        """Close the study's run with its summary."""


@dataclass(frozen=True)
class StudyTags:
    """What the study's run says of itself."""

    study: str
    params: dict[str, Any]
    tags: dict[str, str]
    varied: tuple[str, ...] = ()
    """Dotted paths that differ between trials: parameters of their own, sorted before the rest."""
    views: tuple[SavedView, ...] = ()


@dataclass(frozen=True)
class StudySummary:
    """What the study's run says at its end: its text is the description that the UI shows."""

    text: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: Mapping[Path, str] = field(default_factory=dict)
    """Each file's folder among the run's artifacts, empty at the top."""


class TrackingError(SkelTuneError):
    """The tracking server cannot be used from the start."""


class MlflowTracker:
    """The study's experiment; a server that does not answer delays the runs, not the training."""

    def __init__(self, uri: str, artifacts: Path, study: StudyTags) -> None:
        self.uri = uri
        self._client = MlflowClient(tracking_uri=uri)
        self._study = study
        try:
            self.experiment_id = self._experiment(artifacts)
            runs = self._all_runs()
            self.study_run_id = self._study_run(runs)
            self._save_views()
        except _UNREACHABLE as error:
            raise TrackingError(f"MLflow at {uri} cannot be used: {error}") from None
        self._runs = {run.data.tags[TRIAL_TAG]: run for run in runs if TRIAL_TAG in run.data.tags}
        self._steps: dict[str, int] = {}
        self._late: set[str] = set()

    def run_id(self, trial_id: str) -> str | None:
        run = self._runs.get(trial_id)
        return None if run is None else run.info.run_id

    @property
    def run_ids(self) -> dict[str, str]:
        """Each trial's run, by the trial's id."""
        return {trial: str(run.info.run_id) for trial, run in self._runs.items()}

    def sync(self, record: TrialRecord, artifacts: Iterable[Path] = ()) -> None:
        try:
            self._sync(record, artifacts)
            self._late.discard(record.plan.id)
        except _UNREACHABLE as error:
            if not self._late:
                logger.warning("MLflow at %s does not take writes: %s", self.uri, error)
            self._late.add(record.plan.id)

    @property
    def late(self) -> frozenset[str]:
        return frozenset(self._late)

    def finish(self, status: str, summary: StudySummary) -> None:
        try:
            self._finish(status, summary)
        except _UNREACHABLE as error:
            logger.warning("MLflow at %s does not close the study's run: %s", self.uri, error)

    def _finish(self, status: str, summary: StudySummary) -> None:
        now = _now_ms()
        metrics = [Metric(key, value, now, 0) for key, value in summary.metrics.items()]
        note = summary.text[:_LONGEST_TAG]
        self._client.log_batch(self.study_run_id, metrics=metrics, tags=[RunTag(_NOTE, note)])
        self._client.set_experiment_tag(self.experiment_id, _NOTE, note)
        for path, place in summary.artifacts.items():
            self._client.log_artifact(self.study_run_id, str(path), place or None)
        self._client.set_terminated(self.study_run_id, status)

    def _sync(self, record: TrialRecord, artifacts: Iterable[Path]) -> None:
        """Epochs first, then artifacts, then the status: a closed run is a complete one."""
        trial, wanted = record.plan.id, _STATUS[record.state]
        run = self._runs.get(trial) or self._create(record)
        self._name(run, record)
        if record.state.is_final and run.info.status == wanted:
            return
        if trial not in self._steps:
            self._steps[trial] = self._adopt(run, record)
        run_id = run.info.run_id
        self._log_epochs(run_id, record)
        if record.state.is_final:
            for path in artifacts:
                self._client.log_artifact(run_id, str(path))
        is_told = run.data.tags.get("status") == record.state.value
        if not is_told or run.info.status != wanted:
            self._set_state(run_id, record, wanted)
            self._runs[trial] = self._client.get_run(run_id)

    def _create(self, record: TrialRecord) -> Run:
        plan = record.plan
        tags = {
            _PARENT_TAG: self.study_run_id,
            TRIAL_TAG: plan.id,
            "mlflow.runName": plan.name,
            "mlflow.source.name": "skeltune",
            "role": plan.role.value,
            "variant": plan.variant,
            "seed": str(plan.seed),
            "data_digest": plan.data_digest,
            _NOTE: _told(plan),
            **self._study.tags,
        }
        start = int((record.started or time.time()) * 1000)
        run = self._client.create_run(self.experiment_id, start_time=start, tags=tags)
        self._runs[plan.id] = run
        return run

    def _name(self, run: Run, record: TrialRecord) -> None:
        """A variant may be called otherwise than when its trial was run."""
        names = {"mlflow.runName": record.plan.name, "variant": record.plan.variant}
        for key, value in names.items():
            if run.data.tags.get(key) != value:
                self._client.set_tag(run.info.run_id, key, value)
                run.data.tags[key] = value

    def _adopt(self, run: Run, record: TrialRecord) -> int:
        """Describe a run that was only created; the first epoch that it does not have yet."""
        run_id, config = run.info.run_id, record.plan.config
        if not run.data.params:
            varied = {f"{VARIED}/{p}": value_at(config, p) for p in self._study.varied}
            self._client.log_inputs(run_id, datasets=[_dataset(record)])
            self._client.log_batch(run_id, params=_as_params(varied | flattened(config)))
            return 0
        known = self._client.get_metric_history(run_id, "train/loss")
        return max((metric.step for metric in known), default=-1) + 1

    def _log_epochs(self, run_id: str, record: TrialRecord) -> None:
        """Whatever epochs the run does not have yet, in one request."""
        trial, now = record.plan.id, _now_ms()
        metrics = [
            Metric(key, value, now, int(epoch["epoch"]))
            for epoch in record.epochs[self._steps[trial] :]
            for key, value in epoch.items()
            if key != "epoch"
        ]
        if metrics:
            self._client.log_batch(run_id, metrics=metrics)
        self._steps[trial] = len(record.epochs)

    def _set_state(self, run_id: str, record: TrialRecord, status: str) -> None:
        tags = [RunTag("status", record.state.value)]
        if record.cause:
            tags.append(RunTag("cause", record.cause.value))
        if record.error:
            tags.append(RunTag("error", record.error[-_LONGEST_TAG:]))
        metrics = []
        if record.result is not None:
            metrics = [
                Metric(f"best/{key}", value, _now_ms(), 0)
                for key, value in record.result["best"].items()
                if key.startswith(("val/", "test/", "epoch")) and not key.startswith("epoch_")
            ]
            for key in ("num_params", "macs"):
                metrics.append(Metric(f"model/{key}", record.result[key], _now_ms(), 0))
        self._client.log_batch(run_id, metrics=metrics, tags=tags)
        if status in {"RUNNING", "SCHEDULED"}:
            self._client.update_run(run_id, status=status)
        else:
            end = int(record.ended * 1000) if record.ended else None
            self._client.set_terminated(run_id, status, end_time=end)

    def _experiment(self, artifacts: Path) -> str:
        name = self._study.study
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        embedded = self.uri.startswith("sqlite:")
        location = (artifacts / name).as_uri() if embedded else None
        return str(self._client.create_experiment(name, artifact_location=location))

    def _save_views(self) -> None:
        for view in self._study.views:
            self._client.set_experiment_tag(self.experiment_id, *view.tag)

    def _all_runs(self) -> list[Run]:
        runs: list[Run] = []
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self.experiment_id], max_results=1000, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def _study_run(self, runs: list[Run]) -> str:
        """The run that the trials hang under, made once and opened again by every later `run`."""
        run = next((run for run in runs if run.data.tags.get("role") == "study"), None)
        if run is None:
            tags = {"role": "study", "mlflow.runName": self._study.study, **self._study.tags}
            tags["mlflow.source.name"] = "skeltune"
            run = self._client.create_run(self.experiment_id, tags=tags)
        run_id = str(run.info.run_id)
        if not run.data.params:
            self._client.log_batch(run_id, params=_as_params(self._study.params))
        self._client.update_run(run_id, status="RUNNING")
        return run_id


def _as_params(values: dict[str, Any]) -> list[Param]:
    """MLflow cuts long values silently: say so instead."""
    texts = {key: str(value) for key, value in values.items()}
    cut = {
        k: t if len(t) <= _LONGEST_PARAM else t[: _LONGEST_PARAM - 3] + "..."
        for k, t in texts.items()
    }
    return [Param(key, text) for key, text in cut.items()]


def _told(plan: TrialPlan) -> str:
    """What is particular about a trial, for the head of its run."""
    changes = ", ".join(f"`{path}` = {value}" for path, value in plan.params.items())
    return (changes or "The configuration of the trial file.")[:_LONGEST_TAG]


def _dataset(record: TrialRecord) -> DatasetInput:
    data = record.plan.config["data"]
    name = f"{data['name']}/{data['protocol']}"
    dataset = Dataset(
        name, record.plan.data_digest[:36], "skeltune", f'{{"name": "{data["name"]}"}}'
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _now_ms() -> int:
    return int(time.time() * 1000)

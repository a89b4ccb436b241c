"""A study's experiment, and the run in it that the trials hang under."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag

from orchestrator.tracking.saved_views import SavedView
from orchestrator.tracking.trial_runs import LONGEST_TAG, NOTE, TRIAL_TAG, TrialRuns, as_params


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


@dataclass(frozen=True)
class StudyRun:
    """The experiment, its own run, and those of its trials."""

    experiment: str
    id: str
    trials: TrialRuns
    client: MlflowClient

    @classmethod
    def open(cls, client: MlflowClient, study: StudyTags, location: str | None) -> StudyRun:
        """As it is there, or made; what an earlier try left half done is taken up."""
        experiment = _experiment(client, study.study, location)
        runs = all_runs(client, experiment)
        run_id = _study_run(client, experiment, study, runs)
        for view in study.views:
            client.set_experiment_tag(experiment, *view.tag)
        trials = TrialRuns(client, experiment, run_id, study.tags, study.varied)
        opened = cls(experiment, run_id, trials, client)
        opened._adopt(runs)
        return opened

    def look_again(self) -> None:
        """Delete what a slow server made of a creation that was given up."""
        self._adopt(all_runs(self.client, self.experiment))

    def finish(self, status: str, summary: StudySummary) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(key, value, now, 0) for key, value in summary.metrics.items()]
        note = summary.text[:LONGEST_TAG]
        self.client.log_batch(self.id, metrics=metrics, tags=[RunTag(NOTE, note)])
        self.client.set_experiment_tag(self.experiment, NOTE, note)
        for path, place in summary.artifacts.items():
            self.client.log_artifact(self.id, str(path), place or None)
        self.client.set_terminated(self.id, status)

    def _adopt(self, runs: list[Run]) -> None:
        self.trials.adopt(run for run in runs if TRIAL_TAG in run.data.tags)


def all_runs(client: MlflowClient, experiment: str) -> list[Run]:
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _experiment(client: MlflowClient, name: str, location: str | None) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(name, artifact_location=location))


def _study_run(client: MlflowClient, experiment: str, study: StudyTags, runs: list[Run]) -> str:
    """Made once and opened again by every later `run`."""
    run = next((run for run in runs if run.data.tags.get("role") == "study"), None)
    if run is None:
        tags = {"role": "study", "mlflow.runName": study.study, **study.tags}
        run = client.create_run(experiment, tags=tags | {"mlflow.source.name": "skeltune"})
    run_id = str(run.info.run_id)
    if not run.data.params:
        client.log_batch(run_id, params=as_params(study.params))
    client.update_run(run_id, status="RUNNING")
    return run_id

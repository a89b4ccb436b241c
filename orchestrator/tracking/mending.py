"""Runs that should not be there: a trial's second run, and those of trials that nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from mlflow.entities import LifecycleStage, Run

from orchestrator.tracking.connection import connect
from orchestrator.tracking.study_run import all_runs
from orchestrator.tracking.trial_runs import TRIAL_TAG

_STUDY = "study"


@dataclass(frozen=True)
class SeenRun:
    """A run of the study's experiment; `trial` is empty for the study's own."""

    id: str
    trial: str
    status: str
    started: int

    @property
    def is_open(self) -> bool:
        return self.status in {"RUNNING", "SCHEDULED"}


def seen_runs(uri: str, study: str) -> list[SeenRun]:
    """Every run of a trial or of the study that is not deleted, the oldest first."""
    client = connect(uri)
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        return []
    runs = (_seen(run) for run in all_runs(client, experiment.experiment_id))
    return sorted((run for run in runs if run is not None), key=lambda run: run.started)


def superfluous(runs: Iterable[SeenRun], known: Collection[str]) -> tuple[list[SeenRun], ...]:
    """The doubles, of which the oldest run of the trial is none, and the runs of unknown trials."""
    first: dict[str, str] = {}
    doubles, unknown = [], []
    for run in runs:
        if run.trial and run.trial not in known:
            unknown.append(run)
        elif first.setdefault(run.trial, run.id) != run.id:
            doubles.append(run)
    return doubles, unknown


def delete(uri: str, runs: Iterable[SeenRun]) -> None:
    """Closed, then marked as deleted, unless they are: `mlflow runs restore` brings one back."""
    client = connect(uri)
    for run in runs:
        if client.get_run(run.id).info.lifecycle_stage == LifecycleStage.DELETED:
            continue
        if run.is_open:
            client.set_terminated(run.id, "KILLED")
        client.delete_run(run.id)


def _seen(run: Run) -> SeenRun | None:
    tags, info = run.data.tags, run.info
    if TRIAL_TAG not in tags and tags.get("role") != _STUDY:
        return None
    return SeenRun(info.run_id, tags.get(TRIAL_TAG, ""), info.status, int(info.start_time))

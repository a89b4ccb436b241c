"""Studies of made-up trials, told to a tracker, and what MLflow then has of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.entities import Run

from orchestrator.records import Role, State, TrialPlan, TrialRecord
from orchestrator.tracking.runs import MlflowTracker
from orchestrator.tracking.study_run import StudyTags
from orchestrator.tracking.trial_runs import TRIAL_TAG

CONFIG = {"data": {"name": "synthetic", "protocol": "xsub"}, "optimizer": {"lr": 0.1}}
RESULT = {"num_params": 1000, "macs": 2000, "best": {"epoch": 1, "val/top1": 51.0}}


class Seen(NamedTuple):
    """A trial's run: what ought to be the same however often it was tried."""

    status: str
    state: str
    params: int
    losses: tuple[tuple[int, float], ...]
    top1: tuple[tuple[int, float], ...]
    best: float | None
    files: tuple[str, ...]


def tracker_of(uri: str, study: str, told: list[str], patience: float = 40.0) -> MlflowTracker:
    about = StudyTags(study, {"kind": "search"}, {"study": study}, ("optimizer.lr",))
    return MlflowTracker(uri, Path("/nowhere"), about, told.append, closing_patience=patience)


def started(number: int, study: str = "") -> TrialRecord:
    trial = f"{study}{number:04d}"
    plan = TrialPlan(trial, f"trial {number}", Role.SEARCH, "", 0, {}, CONFIG, "digest")
    return TrialRecord(plan, State.RUNNING, started=1000.0 + number)


def trained(record: TrialRecord, num_epochs: int) -> Iterator[TrialRecord]:
    """The record after each of its epochs, then ended."""
    for epoch in range(num_epochs):
        figures = {"train/loss": 3.0 - epoch / 10, "val/top1": 50.0 + epoch}
        record.epochs.append({"epoch": epoch, "epoch_seconds": 0.5, **figures})
        yield record
    record.state, record.result, record.ended = State.COMPLETE, RESULT, 2000.0
    yield record


def seen(uri: str, study: str) -> dict[str, list[Seen]]:
    """The runs of each trial."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(study)
    assert experiment is not None
    found: dict[str, list[Seen]] = {}
    for run in client.search_runs([experiment.experiment_id], max_results=1000):
        if TRIAL_TAG in run.data.tags:
            found.setdefault(run.data.tags[TRIAL_TAG], []).append(_seen(client, run))
    return found


def _seen(client: MlflowClient, run: Run) -> Seen:
    def history(key: str) -> tuple[tuple[int, float], ...]:
        metrics = client.get_metric_history(run.info.run_id, key)
        return tuple(sorted((metric.step, metric.value) for metric in metrics))

    return Seen(
        status=run.info.status,
        state=run.data.tags["status"],
        params=len(run.data.params),
        losses=history("train/loss"),
        top1=history("val/top1"),
        best=run.data.metrics.get("best/val/top1"),
        files=tuple(file.path for file in client.list_artifacts(run.info.run_id)),
    )


def expected(num_epochs: int, files: tuple[str, ...] = ()) -> Seen:
    return Seen(
        status="FINISHED",
        state="complete",
        params=4,
        losses=tuple((epoch, 3.0 - epoch / 10) for epoch in range(num_epochs)),
        top1=tuple((epoch, 50.0 + epoch) for epoch in range(num_epochs)),
        best=51.0,
        files=files,
    )

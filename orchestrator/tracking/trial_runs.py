"""The run of a trial: a projection of its record.

`sync` brings a run up to date from wherever it is, so the same call starts a run, goes on with it
after a crash, and mends one that a crash or a lost answer left behind. What it writes twice is
there once: a metric's time follows from the record, and MLflow keeps equal metrics once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag

from orchestrator.engine.config import flattened, value_at
from orchestrator.records import State, TrialPlan, TrialRecord
from orchestrator.tracking.saved_views import VARIED

Artifacts = Callable[[], Iterable[Path]]
"""The files of a trial, made or fetched only when they are wanted."""

TRIAL_TAG = "skeltune.trial"
NOTE = "mlflow.note.content"
LONGEST_TAG = 5000
_PARENT_TAG = "mlflow.parentRunId"
_LONGEST_PARAM = 6000
_MOST_METRICS = 800
"""In one request, which MLflow writes whole or not at all; its own limit is 1,000 entities."""
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
_OPEN = {"SCHEDULED", "RUNNING"}


def no_artifacts() -> Iterable[Path]:
    return ()


@dataclass(slots=True)
class KnownRun:
    """What MLflow was last seen to have of a trial."""

    id: str
    status: str
    told: str
    """The state in its tags."""
    name: str
    variant: str
    num_params: int = 0
    num_epochs: int | None = None
    """None where MLflow has to be asked."""

    @classmethod
    def of(cls, run: Run) -> KnownRun:
        tags = run.data.tags
        told, name, variant = (tags.get(k, "") for k in ("status", "mlflow.runName", "variant"))
        return cls(run.info.run_id, run.info.status, told, name, variant, len(run.data.params))


class TrialRuns:
    """The runs of one experiment's trials; every call is made when it is asked for.

    Raises what MLflow raises. Afterwards nothing is believed of that trial: the server may have
    taken what it did not acknowledge, so its run is looked up before anything is written again.
    """

    def __init__(
        self,
        client: MlflowClient,
        experiment: str,
        study_run: str,
        tags: dict[str, str],
        varied: tuple[str, ...],
    ) -> None:
        self._client = client
        self._experiment = experiment
        self._tags = {_PARENT_TAG: study_run, "mlflow.source.name": "skeltune", **tags}
        self._varied = varied
        self._known: dict[str, KnownRun] = {}
        self._doubtful: set[str] = set()

    @property
    def ids(self) -> dict[str, str]:
        """Each trial's run, by the trial's id."""
        return {trial: run.id for trial, run in self._known.items()}

    def adopt(self, runs: Iterable[Run]) -> None:
        """Runs that are there, in any order. A second one of a trial is deleted: a server that was
        slow beyond patience may have made it after all."""
        for run in sorted(runs, key=lambda run: int(run.info.start_time)):
            trial, run_id = run.data.tags[TRIAL_TAG], run.info.run_id
            if trial not in self._known:
                self._known[trial] = KnownRun.of(run)
            elif self._known[trial].id != run_id:
                self._client.delete_run(run_id)

    def sync(self, record: TrialRecord, artifacts: Artifacts = no_artifacts) -> None:
        trial = record.plan.id
        try:
            self._look_up(trial)
            self._sync(record, artifacts)
        except Exception:
            self._doubtful.add(trial)
            raise

    def _look_up(self, trial: str) -> None:
        if trial not in self._doubtful:
            return
        own = f"tags.`{TRIAL_TAG}` = '{trial}'"
        found = self._client.search_runs([self._experiment], own)
        self._known.pop(trial, None)
        self.adopt(found)
        self._doubtful.discard(trial)

    def _sync(self, record: TrialRecord, artifacts: Artifacts) -> None:
        """Epochs first, then artifacts, then the status: a closed run is a complete one."""
        run = self._known.get(record.plan.id) or self._create(record)
        self._rename(run, record.plan)
        wanted, state = _STATUS[record.state], record.state.value
        is_told = run.status == wanted and run.told == state
        if is_told and record.state.is_final:
            return
        epochs = self._write(run, record, is_new_state=run.told != state)
        if record.state.is_final:
            for path in artifacts():
                self._client.log_artifact(run.id, str(path))
        if run.status != wanted:
            self._set_status(run.id, record, wanted)
        run.status, run.told, run.num_epochs = wanted, state, epochs

    def _create(self, record: TrialRecord) -> KnownRun:
        plan = record.plan
        tags = {
            TRIAL_TAG: plan.id,
            "mlflow.runName": plan.name,
            "role": plan.role.value,
            "variant": plan.variant,
            "seed": str(plan.seed),
            "data_digest": plan.data_digest,
            NOTE: _told(plan),
            **self._tags,
        }
        made = self._client.create_run(self._experiment, start_time=_started(record), tags=tags)
        run = KnownRun(made.info.run_id, "RUNNING", "", plan.name, plan.variant, num_epochs=0)
        self._known[plan.id] = run
        return run

    def _rename(self, run: KnownRun, plan: TrialPlan) -> None:
        """A variant may be called otherwise than when its trial was run."""
        if run.name != plan.name:
            self._client.set_tag(run.id, "mlflow.runName", plan.name)
        if run.variant != plan.variant:
            self._client.set_tag(run.id, "variant", plan.variant)
        run.name, run.variant = plan.name, plan.variant

    def _write(self, run: KnownRun, record: TrialRecord, is_new_state: bool) -> int:
        """Whatever the run does not have yet, mostly in one request; how many epochs it has."""
        params = self._params(record.plan) if run.num_params == 0 else []
        if params:
            self._client.log_inputs(run.id, datasets=[_dataset(record.plan)])
        first = self._num_epochs(run) if run.num_epochs is None else run.num_epochs
        last = len(record.epochs)
        metrics = list(_metrics(record, first, last))
        metrics += _results(record) if is_new_state else []
        self._send(run.id, metrics, params, _tags(record) if is_new_state else [])
        run.num_params += len(params)
        return last

    def _num_epochs(self, run: KnownRun) -> int:
        """Without the last one, which may be there in part; equal metrics are kept once."""
        known = self._client.get_metric_history(run.id, "train/loss")
        return max((metric.step for metric in known), default=0)

    def _send(
        self, run: str, metrics: list[Metric], params: list[Param], tags: list[RunTag]
    ) -> None:
        """The tags last: a state that is told is one whose metrics are there."""
        for start in range(0, len(metrics) - _MOST_METRICS, _MOST_METRICS):
            self._client.log_batch(run, metrics=metrics[start : start + _MOST_METRICS])
        rest = metrics[(len(metrics) - 1) // _MOST_METRICS * _MOST_METRICS :]
        self._client.log_batch(run, metrics=rest, params=params, tags=tags)

    def _params(self, plan: TrialPlan) -> list[Param]:
        varied = {f"{VARIED}/{path}": value_at(plan.config, path) for path in self._varied}
        return as_params(varied | flattened(plan.config))

    def _set_status(self, run: str, record: TrialRecord, status: str) -> None:
        if status in _OPEN:
            self._client.update_run(run, status=status)
        else:
            end = int(record.ended * 1000) if record.ended else None
            self._client.set_terminated(run, status, end_time=end)


def _metrics(record: TrialRecord, first: int, last: int) -> Iterator[Metric]:
    """Of these epochs, at the times when they ended by the trial's own clock."""
    begun = _started(record)
    seconds = accumulate(epoch.get("epoch_seconds", 0.0) for epoch in record.epochs[:last])
    for epoch, spent in islice(zip(record.epochs, seconds, strict=False), first, last):
        for key, value in epoch.items():
            if key != "epoch":
                yield Metric(key, value, begun + int(1000 * spent), int(epoch["epoch"]))


def _results(record: TrialRecord) -> list[Metric]:
    if record.result is None:
        return []
    figures = {
        f"best/{key}": value
        for key, value in record.result["best"].items()
        if key.startswith(("val/", "test/", "epoch")) and not key.startswith("epoch_")
    }
    figures |= {f"model/{key}": record.result[key] for key in ("num_params", "macs")}
    ended = int(1000 * (record.ended or 0))
    return [Metric(key, value, ended, 0) for key, value in figures.items()]


def _tags(record: TrialRecord) -> list[RunTag]:
    tags = [RunTag("status", record.state.value)]
    if record.cause:
        tags.append(RunTag("cause", record.cause.value))
    if record.error:
        tags.append(RunTag("error", record.error[-LONGEST_TAG:]))
    return tags


def as_params(values: dict[str, Any]) -> list[Param]:
    """MLflow cuts long values silently: say so instead."""
    texts = {key: str(value) for key, value in values.items()}
    cut = {
        k: t if len(t) <= _LONGEST_PARAM else t[: _LONGEST_PARAM - 3] + "..."
        for k, t in texts.items()
    }
    return [Param(key, text) for key, text in cut.items()]


def _started(record: TrialRecord) -> int:
    """In milliseconds; the same whenever it is asked."""
    return int(1000 * (record.started or 0))


def _told(plan: TrialPlan) -> str:
    """What is particular about a trial, for the head of its run."""
    changes = ", ".join(f"`{path}` = {value}" for path, value in plan.params.items())
    return (changes or "The configuration of the trial file.")[:LONGEST_TAG]


def _dataset(plan: TrialPlan) -> DatasetInput:
    data = plan.config["data"]
    name = f"{data['name']}/{data['protocol']}"
    dataset = Dataset(name, plan.data_digest[:36], "skeltune", f'{{"name": "{data["name"]}"}}')
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])

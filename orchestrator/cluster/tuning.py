"""Trials on a cluster: the only door to Ray.

Ray Tune places trials, keeps workers warm and asks the scheduler. What it should run comes from a
`TrialSource`; what happens is told to a `Listener`. Nothing is read back from Ray's own files.
"""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ray import tune
from ray.tune.search import Searcher

from orchestrator.cluster.nodes import require_room
from orchestrator.cluster.schedulers import scheduler_of
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import DivergedError
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.trial import load_result, train_epochs
from orchestrator.records import State, TrialPlan, TrialRecord
from orchestrator.search.scheduler_spec import Scheduler
from orchestrator.spec import Objective, Resources

_OUTCOME = "outcome"


class TrialSource(Protocol):
    """What to run next."""

    total: int

    @property
    def num_left(self) -> int:
        """How many trials are still to be started."""

    @property
    def is_waiting(self) -> bool:
        """Whether `next` may have something again once a running trial has ended."""

    def next(self) -> TrialPlan | None:
        """The next trial, or None when there is nothing to start (now, if it is waiting)."""


class Listener(Protocol):
    """Told by the driver, in its own thread, of everything that happens."""

    def started(self, plan: TrialPlan) -> None: ...

    def epoch(self, plan: TrialPlan, metrics: dict[str, float]) -> None: ...

    def ended(
        self, plan: TrialPlan, state: State, result: Raw | None, error: str | None
    ) -> None: ...

    def tick(self) -> None:
        """Called many times a second while trials run."""


@dataclass(frozen=True)
class Job:
    """How the trials of one study run."""

    objective: Objective
    resources: Resources
    scheduler: Scheduler
    retries: int
    max_concurrent: int | None
    trials: Path
    scratch: Path
    data_root: Path
    device: str


class EngineTrainable(tune.Trainable):
    """One epoch a step; errors come back as a result, so that the warm worker survives them."""

    def setup(self, config: Raw) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: Raw) -> bool:
        self._config = TrialConfig.model_validate(new_config["config"])
        self._out = Path(new_config["out"])
        self._epochs = train_epochs(
            self._config,
            self._out,
            data_root=Path(new_config["data_root"]),
            device=new_config["device"],
        )
        return True

    def step(self) -> dict[str, Any]:
        try:
            metrics = next(self._epochs)
        except DivergedError as error:
            return {"done": True, _OUTCOME: State.DIVERGED.value, "error": str(error)}
        except Exception:
            return {"done": True, _OUTCOME: State.FAILED.value, "error": traceback.format_exc()}
        if int(metrics["epoch"]) < self._config.epochs - 1:
            return {"metrics": metrics, _OUTCOME: State.RUNNING.value, **metrics}
        result = load_result(TrialFiles(self._out))
        outcome = {"done": True, _OUTCOME: State.COMPLETE.value, "result": result}
        return {"metrics": metrics, **outcome, **metrics}


class _PlannedTrials(Searcher):
    """Hands Ray the trials of a source. Pickled without its content: our log is the truth."""

    def __init__(self, source: TrialSource, job: Job, plans: dict[str, TrialPlan]) -> None:
        super().__init__()
        self._source = source
        self._job = job
        self._plans = plans

    def __reduce__(self) -> tuple[Any, ...]:
        return Searcher, ()

    def suggest(self, trial_id: str) -> Raw | None:
        plan = self._source.next()
        if plan is None and self._source.is_waiting:
            return None
        if plan is None:
            return Searcher.FINISHED  # type: ignore[return-value]  # a word that Ray looks for
        self._plans[trial_id] = plan
        job = self._job
        return {
            "config": plan.config,
            "out": str(job.trials / plan.id),
            "data_root": str(job.data_root),
            "device": job.device,
        }

    def set_search_properties(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def on_trial_complete(self, trial_id: str, *args: Any, **kwargs: Any) -> None:
        """The listener is told by `_Events`."""


class Watchdog:
    """Ray waits for ever for a node that can hold a trial; this does not."""

    def __init__(self, needed: Resources, patience: float = 120.0) -> None:
        self._needed = needed
        self._patience = patience
        self._alive = time.monotonic()

    def look(self, is_running: bool) -> None:
        """Raise `NoResourcesError` after `patience` seconds with nothing running and no room."""
        if is_running:
            self._alive = time.monotonic()
        elif time.monotonic() - self._alive > self._patience:
            require_room(self._needed)
            self._alive = time.monotonic()


class _Events(tune.Callback):
    """Ray's callbacks as the listener's words. Pickled by Ray without its content."""

    def __init__(self, listener: Listener, plans: dict[str, TrialPlan], watchdog: Watchdog) -> None:
        self._listener = listener
        self._plans = plans
        self._watchdog = watchdog

    def __reduce__(self) -> tuple[Any, ...]:
        return tune.Callback, ()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._listener.tick()
        self._watchdog.look(any(trial.status == trial.RUNNING for trial in trials))

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._listener.started(self._plans[trial.trial_id])

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Raw, **info: Any
    ) -> None:
        if metrics := result.get("metrics"):
            self._listener.epoch(self._plans[trial.trial_id], metrics)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        last = trial.last_result
        outcome = State(last[_OUTCOME])
        state = State.PRUNED if outcome is State.RUNNING else outcome
        plan = self._plans[trial.trial_id]
        self._listener.ended(plan, state, last.get("result"), last.get("error"))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        error = str(trial.get_error() or "the worker died")
        self._listener.ended(self._plans[trial.trial_id], State.FAILED, None, error)


def run_trials(
    source: TrialSource,
    listener: Listener,
    job: Job,
    known: Iterable[TrialRecord],
    trainable: type[tune.Trainable] = EngineTrainable,
) -> None:
    """Run until the source is dry or the user interrupts; `known` trials teach the scheduler.

    Raises `NoResourcesError` if the nodes that could hold a trial stay away.
    """
    plans: dict[str, TrialPlan] = {}
    shutil.rmtree(job.scratch, ignore_errors=True)
    resources = {"cpu": job.resources.cpu, "gpu": job.resources.gpu}
    tuner = tune.Tuner(
        tune.with_resources(trainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=_PlannedTrials(source, job, plans),
            scheduler=scheduler_of(job.scheduler, job.objective, plans, known),
            num_samples=-1,
            max_concurrent_trials=job.max_concurrent,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=f"run_{time.time_ns()}",
            storage_path=str(job.scratch),
            callbacks=[_Events(listener, plans, Watchdog(job.resources))],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=job.retries),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        shutil.rmtree(job.scratch, ignore_errors=True)

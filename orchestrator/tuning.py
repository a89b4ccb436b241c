"""Trials on a cluster: the only door to Ray.

Ray Tune places trials, keeps workers warm and asks the scheduler. What it should run comes from a
`TrialSource`; what happens is told to a `Listener`. Nothing is read back from Ray's own files.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from orchestrator.engine.config import TrialConfig
from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import DivergedError, SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.trial import load_result, train_epochs
from orchestrator.records import State, TrialPlan, TrialRecord
from orchestrator.spec import ASHAScheduler, Objective, Resources, Scheduler

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("orchestrator", "models", "losses", "data")
_TIME = "training_iteration"
_OUTCOME = "outcome"
_NO_LIMIT = 10**6  # epochs: a trial ends by itself, not by the scheduler


class TrialSource(Protocol):
    """What to run next."""

    total: int

    @property
    def num_left(self) -> int:
        """How many trials are still to be started."""

    def next(self) -> TrialPlan | None:
        """The next trial, or None when there is nothing more to start."""


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
class Cluster:
    """Where trials run: `address` None means a Ray of our own on this machine."""

    address: str | None = None
    num_cpus: int | None = None


LOCAL = Cluster()


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


class _Events(tune.Callback):
    """Ray's callbacks as the listener's words. Pickled by Ray without its content."""

    def __init__(self, listener: Listener, plans: dict[str, TrialPlan]) -> None:
        self._listener = listener
        self._plans = plans

    def __reduce__(self) -> tuple[Any, ...]:
        return tune.Callback, ()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._listener.tick()

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
    source: TrialSource, listener: Listener, job: Job, finished: Iterable[TrialRecord]
) -> None:
    """Run until the source is dry or the user interrupts; `finished` trials teach the scheduler."""
    plans: dict[str, TrialPlan] = {}
    shutil.rmtree(job.scratch, ignore_errors=True)
    scheduler = _scheduler(job)
    _replay(scheduler, finished, job.objective.metric)
    resources = {"cpu": job.resources.cpu, "gpu": job.resources.gpu}
    tuner = tune.Tuner(
        tune.with_resources(EngineTrainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=_PlannedTrials(source, job, plans),
            scheduler=scheduler,
            num_samples=-1,
            max_concurrent_trials=job.max_concurrent,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=f"run_{time.time_ns()}",
            storage_path=str(job.scratch),
            callbacks=[_Events(listener, plans)],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=job.retries),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        shutil.rmtree(job.scratch, ignore_errors=True)


def _scheduler(job: Job) -> TrialScheduler:
    match job.scheduler:
        case ASHAScheduler() as spec:
            return AsyncHyperBandScheduler(
                time_attr=_TIME,
                metric=job.objective.metric,
                mode=job.objective.mode,
                grace_period=spec.grace_epochs,
                reduction_factor=spec.reduction_factor,
                max_t=_NO_LIMIT,
                brackets=1,
            )
    return FIFOScheduler()  # type: ignore[no-untyped-call]


class _Finished:
    """A trial of an earlier run, as far as a scheduler looks at it."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id


def _replay(scheduler: TrialScheduler, records: Iterable[TrialRecord], metric: str) -> None:
    """Fill the rungs with what earlier runs reported; unfinished trials tell theirs again."""
    if not isinstance(scheduler, AsyncHyperBandScheduler):
        return
    rungs: Any = scheduler
    for record in records:
        trial = _Finished(record.plan.id)
        rungs.on_trial_add(None, trial)
        for number, metrics in enumerate(record.epochs, start=1):
            if metric in metrics:
                rungs.on_trial_result(None, trial, {_TIME: number, **metrics})
        rungs.on_trial_remove(None, trial)


class NoResourcesError(SkelTuneError):
    """No node of the cluster offers what one trial asks for."""


@contextmanager
def cluster(where: Cluster, needed: Resources) -> Iterator[None]:
    """A connection to Ray; one of our own ends with the block.

    Raises `NoResourcesError` where a trial could never be placed. Within the block SIGTERM means
    what Ctrl-C means: stop cleanly.
    """
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", str(10**6))
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    options: dict[str, Any] = {"address": where.address or "local"}
    if where.address is None:
        options |= {"num_cpus": where.num_cpus, "include_dashboard": False}
    else:
        options["runtime_env"] = runtime_env()
    ray.init(log_to_driver=False, logging_level=logging.WARNING, **options)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    before = signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        _require_room(needed)
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        ray.shutdown()


def _require_room(needed: Resources) -> None:
    nodes: list[Raw] = ray.nodes()  # type: ignore[no-untyped-call]
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    wanted = {"CPU": needed.cpu, "GPU": needed.gpu}
    if any(all(offer.get(k, 0) >= v for k, v in wanted.items()) for offer in offers):
        return
    found = "; ".join(f"{o.get('CPU', 0):g} CPU, {o.get('GPU', 0):g} GPU" for o in offers)
    raise NoResourcesError(
        f"a trial asks for {needed.cpu:g} CPU and {needed.gpu:g} GPU, and no node has that "
        f"(nodes: {found}); change resources in the study file, or say --cpu and --gpu"
    )


def runtime_env() -> Raw:
    """Our packages for workers on other machines; everything else beside them stays here."""
    others = [p.name for p in PACKAGE_ROOT.iterdir() if p.name not in SHIPPED]
    excludes = [f"/{name}" for name in others] + ["**/__pycache__"]
    return {"working_dir": str(PACKAGE_ROOT), "excludes": excludes}

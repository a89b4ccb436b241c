"""Trials on a cluster: the only door to Ray Tune.

Ray Tune places trials, keeps workers warm and asks the scheduler. What it should run comes from a
`TrialSource`; what happens is told to a `Listener`. Nothing is read back from Ray's own files.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from orchestrator.causes import Cause
from orchestrator.cluster.attempts import Attempts, Job, Listener, TrialSource
from orchestrator.cluster.deaths import cause_of_death, deaths_by_trial
from orchestrator.cluster.nodes import require_room
from orchestrator.cluster.schedulers import ResumableScheduler, metrics_of, scheduler_of
from orchestrator.cluster.worker import OUTCOME, EngineTrainable
from orchestrator.engine.documents import Raw
from orchestrator.interruption import Stop, stopping_on_signals
from orchestrator.records import State, TrialPlan, TrialRecord
from orchestrator.spec import Resources

_RESOURCES = "resources"


class _PlannedTrials(Searcher):
    """Hands Ray the next attempts. Pickled without its content: our log is the truth."""

    def __init__(self, attempts: Attempts, job: Job, plans: dict[str, TrialPlan]) -> None:
        super().__init__()
        self._attempts = attempts
        self._job = job
        self._plans = plans

    def __reduce__(self) -> tuple[Any, ...]:
        return Searcher, ()

    def suggest(self, trial_id: str) -> Raw | None:
        attempt = self._attempts.next()
        if attempt is None and not self._attempts.is_over:
            return None
        if attempt is None:
            return Searcher.FINISHED  # type: ignore[return-value]  # a word that Ray looks for
        plan, resources = attempt
        self._plans[trial_id] = plan
        job = self._job
        return {
            "config": plan.config,
            "trial": plan.id,
            "data_digest": plan.data_digest,
            "kept": asdict(job.kept),
            "device": job.device,
            "limits": job.limits.model_dump(),
            _RESOURCES: resources.model_dump(),
        }

    def set_search_properties(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def on_trial_complete(self, trial_id: str, *args: Any, **kwargs: Any) -> None:
        """The listener is told by `_Events`."""


class Watchdog:
    """Ray waits for ever for a node that can hold a trial; this does not."""

    def __init__(self, patience: float = 60.0) -> None:
        self._patience = patience
        self._alive = time.monotonic()

    def look(self, waits_for: Resources | None) -> None:
        """Raise `NoResourcesError` after `patience` seconds of waiting where there is no room.

        None: something runs, or nothing waits.
        """
        if waits_for is None:
            self._alive = time.monotonic()
        elif time.monotonic() - self._alive > self._patience:
            require_room(waits_for)
            self._alive = time.monotonic()


class _Events(tune.Callback):
    """Ray's callbacks as words of ours. Pickled by Ray without its content.

    Ray takes an error of a callback for one of the trial: here it stops the run and is kept.
    """

    def __init__(
        self,
        attempts: Attempts,
        listener: Listener,
        plans: Mapping[str, TrialPlan],
        scheduler: ResumableScheduler,
        deaths: Mapping[str, Exception],
        stop: Stop,
    ) -> None:
        self._attempts, self._listener, self._plans = attempts, listener, plans
        self._scheduler, self._deaths, self._stop = scheduler, deaths, stop
        self._watchdog = Watchdog()
        self._running: set[str] = set()
        self._placed: set[str] = set()
        self._over: deque[Any] = deque()
        self._is_stopping = False

    def __reduce__(self) -> tuple[Any, ...]:
        return tune.Callback, ()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._tell(self._step, trials)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.add(trial.trial_id)
        self._tell(self._attempts.started, self._plans[trial.trial_id])

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Raw, **info: Any
    ) -> None:
        if metrics := metrics_of(result):
            plan = self._plans[trial.trial_id]
            if trial.trial_id not in self._placed:
                self._placed.add(trial.trial_id)
                gpus = trial.config[_RESOURCES]["gpu"]
                self._tell(self._listener.placed, plan, result["hostname"], gpus)
            is_pruned = self._scheduler.has_pruned(plan.id)
            self._tell(self._attempts.epoch, plan, metrics, is_pruned)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.discard(trial.trial_id)
        self._over.append(trial)
        self._tell(self._ended, self._plans[trial.trial_id], trial.last_result or {})

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._running.discard(trial.trial_id)
        self._over.append(trial)
        error = self._deaths[trial.trial_id]
        node = (trial.last_result or {}).get("hostname")
        if not self._stop.is_wanted:
            plan = self._plans[trial.trial_id]
            self._tell(self._attempts.died, plan, cause_of_death(error), str(error), node)

    def _tell(self, tell: Callable[..., None], *args: Any) -> None:
        if self._stop.error is not None:
            return
        try:
            tell(*args)
        except Exception as error:
            self._stop.fail(error)

    def _step(self, trials: list[Any]) -> None:
        self._listener.tick()
        self._lighten()
        is_held_up = bool(trials) and not self._running and trials[-1].status == Trial.PENDING
        needs = trials[-1].config[_RESOURCES] if is_held_up else None
        self._watchdog.look(needs and Resources.model_validate(needs))
        if self._stop.is_wanted and not self._is_stopping:
            self._is_stopping = True
            self._listener.stopping(self._stop.grace)

    def _lighten(self) -> None:
        """Ray keeps its trials to the end of all: without what has been told already."""
        while self._over and self._over[0].is_finished():
            trial = self._over.popleft()
            trial.config, trial.evaluated_params = {}, {}
            known = trial.run_metadata
            known.last_result, known.metric_analysis, known.metric_n_steps = {}, {}, {}

    def _ended(self, plan: TrialPlan, last: Raw) -> None:
        """A trial that ends with an epoch was pruned, or else cut short by a stop: that goes on."""
        outcome = State(last.get(OUTCOME, State.RUNNING))
        if outcome is State.RUNNING:
            if self._scheduler.has_pruned(plan.id):
                self._attempts.ended(plan, State.PRUNED)
        elif outcome is State.FAILED:
            self._attempts.failed(plan, Cause(last["cause"]), last["error"], last.get("hostname"))
        else:
            cause = Cause(last["cause"]) if "cause" in last else None
            self._attempts.ended(plan, outcome, last.get("result"), last.get("error"), cause)


class _EndOfAll(tune.Stopper):
    """Ends Ray's run when the time to stop is up. Pickled by Ray without its content."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def __reduce__(self) -> tuple[Any, ...]:
        return tune.stopper.NoopStopper, ()

    def __call__(self, trial_id: str, result: Raw) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._stop.is_due


def run_trials(
    source: TrialSource,
    listener: Listener,
    job: Job,
    known: list[TrialRecord],
    stop: Stop,
    trainable: type[tune.Trainable] = EngineTrainable,
) -> None:
    """Run until the source is dry or the user stops it; `known` trials teach the scheduler.

    `stop` tells afterwards whether a stop was wanted. Raises `NoResourcesError` if the nodes that
    could hold a trial stay away, `StorageError` if something cannot be written, and
    `KeyboardInterrupt` if the user does not wait for the epochs that run.
    """
    plans: dict[str, TrialPlan] = {}
    attempts = Attempts(source, listener, job, known, stop, roomiest_node)
    scheduler = scheduler_of(job.scheduler, job.objective, plans, known, stop)
    shutil.rmtree(job.scratch, ignore_errors=True)
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    try:
        with stopping_on_signals(stop), deaths_by_trial() as deaths:
            events = _Events(attempts, listener, plans, scheduler, deaths, stop)
            searcher = _PlannedTrials(attempts, job, plans)
            _tuner(job, trainable, searcher, scheduler, events, _EndOfAll(stop)).fit()
    finally:
        shutil.rmtree(job.scratch, ignore_errors=True)
    if stop.error is not None:
        raise stop.error


def _tuner(
    job: Job,
    trainable: type[tune.Trainable],
    searcher: Searcher,
    scheduler: ResumableScheduler,
    events: tune.Callback,
    stopper: tune.Stopper,
) -> tune.Tuner:
    return tune.Tuner(
        tune.with_resources(trainable, _placement),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            max_concurrent_trials=job.max_concurrent,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=f"run_{time.time_ns()}",
            storage_path=str(job.scratch),
            callbacks=[events],
            stop=stopper,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=0),
            verbose=0,
        ),
    )


def _placement(config: Raw) -> tune.PlacementGroupFactory:
    """Equal for equal resources: such trials share warm workers."""
    asked = Resources.model_validate(config[_RESOURCES]).asked
    return tune.PlacementGroupFactory([{name: value for name, value in asked.items() if value}])


def roomiest_node(needed: Resources) -> Resources:
    """The most CPUs that a node has which could hold a trial at all; `needed` where none is."""
    nodes: list[Raw] = ray.nodes()  # type: ignore[no-untyped-call]
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    cpus = [offer.get("CPU", 0) for offer in offers if offer.get("GPU", 0) >= needed.gpu]
    return needed.model_copy(update={"cpu": max([needed.cpu, *cpus])})

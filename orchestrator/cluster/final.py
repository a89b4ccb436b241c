"""Trainings by several workers, on one node or many: the only door to Ray Train.

Ray Train starts the workers and joins them; what they train is the engine's. A training that has
lost a worker is begun again as a new attempt, which goes on from the trial's folder, as everywhere.
"""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import ray
import torch
import torch.distributed as dist
from ray.train import FailureConfig, RunConfig, ScalingConfig, WorkerGroupError, get_context
from ray.train.collective import broadcast_from_rank_zero
from ray.train.torch import TorchTrainer, get_device

from orchestrator.causes import Cause, cause_of, traceback_of
from orchestrator.cluster.attempts import Attempts, Job, Listener, TrialSource
from orchestrator.cluster.deaths import cause_of_death
from orchestrator.cluster.desk import Desk, News
from orchestrator.cluster.limits import Clock, watched
from orchestrator.cluster.nodes import NoResourcesError
from orchestrator.cluster.tuning import roomiest_node
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.documents import Raw
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.state import EpochMetrics
from orchestrator.engine.trial import load_result, train_epochs
from orchestrator.interruption import Stop, stopping_on_signals
from orchestrator.records import State, TrialPlan, TrialRecord
from orchestrator.spec import Limits, Resources
from orchestrator.storage.worker import Kept, TrialFolder

_SECONDS_BETWEEN_LOOKS = 0.2
_NO_RETRIES = FailureConfig(
    max_failures=0,
    controller_failure_limit=2,  # type: ignore[call-arg]  # else room is waited for for ever
)
_LOST_PEER = ("Connection closed by peer", "Connection reset by peer", "NCCL error", "gloo")


def run_finals(
    source: TrialSource, listener: Listener, job: Job, known: Iterable[TrialRecord], stop: Stop
) -> None:
    """Train one after the other, each with as many workers as its configuration says.

    `job.resources` are those of one worker. To be called, and telling, as `run_trials` is. Raises
    `NoResourcesError` where the nodes together do not hold the workers.
    """
    attempts = Attempts(source, listener, job, known, stop, roomiest_node)
    try:
        with stopping_on_signals(stop):
            while (attempt := attempts.next()) is not None:
                _Attempt(*attempt, attempts, listener, job, stop).run()
    finally:
        shutil.rmtree(job.scratch, ignore_errors=True)
    if stop.error is not None:
        raise stop.error


class _Attempt:
    """One run of Ray Train: until all epochs are done, or a worker is lost."""

    def __init__(
        self,
        plan: TrialPlan,
        resources: Resources,
        attempts: Attempts,
        listener: Listener,
        job: Job,
        stop: Stop,
    ) -> None:
        self._plan, self._resources, self._attempts = plan, resources, attempts
        self._listener, self._job, self._stop = listener, job, stop
        self._desk: Any = ray.remote(num_cpus=0)(Desk).remote()
        self._error: Exception | None = None
        self._is_stopping = False

    def run(self) -> None:
        trainer = _trainer(self._plan, self._resources, self._job, self._desk)
        self._attempts.started(self._plan)
        training = threading.Thread(target=self._fit, args=[trainer], daemon=True)
        training.start()
        while training.is_alive() and not self._stop.is_due:
            training.join(_SECONDS_BETWEEN_LOOKS)
            self._look()
        if not training.is_alive():
            self._end(self._look())
        ray.kill(self._desk)

    def _fit(self, trainer: TorchTrainer) -> None:
        try:
            trainer.fit()
        except Exception as error:  # of a worker, or of Ray: told by `_end`
            self._error = error

    def _look(self) -> News:
        news: News = ray.get(self._desk.news.remote())
        for metrics in news.epochs:
            self._attempts.epoch(self._plan, metrics, False)
        self._listener.tick()
        if self._stop.is_wanted and not self._is_stopping:
            self._is_stopping = True
            self._listener.stopping(self._stop.grace)
            self._desk.stop.remote()
        return news

    def _end(self, news: News) -> None:
        """A training that ends without a result and without an error was asked to stop."""
        if news.cause is Cause.DIVERGED:
            self._attempts.ended(self._plan, State.DIVERGED, None, news.error, news.cause)
        elif news.cause is not None:
            self._attempts.failed(self._plan, news.cause, news.error, None)
        elif self._error is not None and not self._stop.is_wanted:
            death = _death(self._error)
            self._attempts.died(self._plan, cause_of_death(death), str(death), None)
        elif news.result is not None:
            self._attempts.ended(self._plan, State.COMPLETE, news.result)


def _trainer(plan: TrialPlan, resources: Resources, job: Job, desk: Any) -> TorchTrainer:
    """Its name is new: under a known name Ray would return what it remembers.

    A worker has its GPU to itself: nccl does not join two on one.
    """
    resources = resources.model_copy(update={"gpu": math.ceil(resources.gpu)})
    config = TrialConfig.model_validate(plan.config)
    num = 1 if config.workers is None else config.workers.num
    require_room_for(num, resources)
    told = {
        "config": plan.config,
        "trial": plan.id,
        "data_digest": plan.data_digest,
        "kept": asdict(job.kept),
        "limits": job.limits.model_dump(),
        "desk": desk,
    }
    return TorchTrainer(
        _work,
        train_loop_config=told,
        scaling_config=ScalingConfig(
            num_workers=num,
            use_gpu=resources.gpu > 0,
            resources_per_worker={name: n for name, n in resources.asked.items() if n},
        ),
        run_config=RunConfig(
            name=f"{plan.id}_{time.time_ns()}",
            storage_path=str(job.scratch),
            failure_config=_NO_RETRIES,
        ),
    )


def _work(told: Raw) -> None:
    """What each worker does; those but the first have nothing to tell and nothing to keep."""
    is_first = get_context().get_world_rank() == 0
    kept, desk = Kept(**told["kept"]), told["desk"]
    folder = kept.folder(told["trial"])
    try:
        for metrics in _epochs(told, kept, folder, is_first):
            goes_on = ray.get(desk.tell.remote(metrics)) if is_first else None
            if not broadcast_from_rank_zero(goes_on):
                return
        if is_first:
            ray.get(desk.finish.remote(load_result(TrialFiles(folder.root))))
    except Exception as error:
        if not lost_a_peer(error):
            cause = cause_of(error)
            text = str(error) if cause is Cause.DIVERGED else traceback_of(error)
            ray.get(desk.fail.remote(cause, text))
        raise
    finally:
        folder.leave()


def _epochs(told: Raw, kept: Kept, folder: TrialFolder, is_first: bool) -> Iterator[EpochMetrics]:
    """Where one worker hangs, all wait: it is enough to watch the first."""
    device = get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if is_first:
        folder.fetch()
    config = kept.with_weights(TrialConfig.model_validate(told["config"]))
    data_root = kept.data(config.data.name, told["data_digest"])
    clock = Clock(Limits(**told["limits"]))
    epochs = train_epochs(config, folder.root, data_root=data_root, device=str(device))
    for _ in range(config.epochs):
        with watched(clock.seconds_left if is_first else None, folder.root):
            metrics = next(epochs)
        clock.epoch(metrics["epoch_seconds"])
        if is_first:
            folder.push()
        yield metrics


def lost_a_peer(error: Exception) -> bool:
    """Whether it says no more than that another worker is gone."""
    is_distributed = isinstance(error, dist.DistError)
    return is_distributed or any(words in str(error) for words in _LOST_PEER)


def _death(error: Exception) -> Exception:
    """Of what Ray Train tells, the end of the worker that died, not what others say of it."""
    if not isinstance(error, WorkerGroupError):
        return error
    failures = list(error.worker_failures.values())
    deaths = [failure for failure in failures if isinstance(failure, ray.exceptions.RayError)]
    return [*deaths, *failures, error][0]


def require_room_for(num: int, each: Resources) -> None:
    """Raise `NoResourcesError` unless the living nodes together could hold so many workers."""
    nodes: list[Raw] = ray.nodes()  # type: ignore[no-untyped-call]
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    held = sum(_held(offer, each) for offer in offers)
    if held >= num:
        return
    found = "; ".join(f"{o.get('CPU', 0):g} CPU, {o.get('GPU', 0):g} GPU" for o in offers)
    raise NoResourcesError(
        f"{num} workers ask for {each.cpu:g} CPU and {each.gpu:g} GPU each, and there is room for "
        f"{held} (nodes: {found}); change workers.num or resources"
    )


def _held(offer: Raw, each: Resources) -> int:
    """Workers that fit on a node."""
    by_cpu = int(offer.get("CPU", 0) / each.cpu)
    return by_cpu if each.gpu == 0 else min(by_cpu, int(offer.get("GPU", 0) / each.gpu))

"""What runs on a worker: one trial after the other, one epoch a step."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ray import tune

from orchestrator.causes import Cause, cause_of, traceback_of
from orchestrator.cluster.limits import Clock, watched
from orchestrator.cluster.schedulers import METRICS
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.documents import Raw
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.state import EpochMetrics, pick_device
from orchestrator.engine.trial import load_result, peak_memory_mb, train_epochs
from orchestrator.records import State
from orchestrator.spec import Limits
from orchestrator.storage.worker import Kept, TrialFolder

OUTCOME = "outcome"


@dataclass(frozen=True)
class ProcessState:
    """What a training may leave behind in its process, for the next one to trip over."""

    threads: int
    dtype: torch.dtype
    matmul: str
    is_deterministic: bool
    cudnn: tuple[bool, bool, bool]
    is_grad_enabled: bool
    rng: tuple[Any, Any, Any]

    @classmethod
    def now(cls) -> ProcessState:
        cudnn = torch.backends.cudnn
        return cls(
            threads=torch.get_num_threads(),
            dtype=torch.get_default_dtype(),
            matmul=torch.get_float32_matmul_precision(),
            is_deterministic=torch.are_deterministic_algorithms_enabled(),
            cudnn=(cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
            is_grad_enabled=torch.is_grad_enabled(),
            rng=(random.getstate(), np.random.get_state(), torch.get_rng_state()),  # noqa: NPY002
        )

    def restore(self) -> None:
        cudnn = torch.backends.cudnn
        torch.set_num_threads(self.threads)
        torch.set_default_dtype(self.dtype)
        torch.set_float32_matmul_precision(self.matmul)
        torch.use_deterministic_algorithms(self.is_deterministic)
        cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32 = self.cudnn
        torch.set_grad_enabled(self.is_grad_enabled)
        random.setstate(self.rng[0])
        np.random.set_state(self.rng[1])  # noqa: NPY002
        torch.set_rng_state(self.rng[2])


def _kept_epochs(
    config: TrialConfig, folder: TrialFolder, kept: Kept, data_digest: str, device: str
) -> Iterator[EpochMetrics]:
    """Each is where the study is kept before it is told."""
    folder.fetch()
    data_root = kept.data(config.data.name, data_digest)
    config = kept.with_weights(config)
    for metrics in train_epochs(config, folder.root, data_root=data_root, device=device):
        folder.push()
        yield metrics


class EngineTrainable(tune.Trainable):
    """Errors come back as a result, so that the warm worker survives them."""

    def setup(self, config: Raw) -> None:
        self._fresh = ProcessState.now()
        self._begin(config)

    def reset_config(self, new_config: Raw) -> bool:
        self._clean()
        self._begin(new_config)
        return True

    def _begin(self, config: Raw) -> None:
        self._config = TrialConfig.model_validate(config["config"])
        kept, digest = Kept(**config["kept"]), config["data_digest"]
        self._folder = kept.folder(config["trial"])
        self._device = config["device"]
        self._clock = Clock(Limits.model_validate(config["limits"]))
        epochs = _kept_epochs(self._config, self._folder, kept, digest, self._device)
        self._epochs: Iterator[EpochMetrics] = epochs

    def step(self) -> dict[str, Any]:
        seconds = self._clock.seconds_left
        if seconds is not None and seconds <= 0:
            return self._failed(Cause.TIMEOUT, "no time is left for another epoch")
        try:
            with watched(seconds, self._folder.root):
                metrics = next(self._epochs)
        except Exception as error:
            cause = cause_of(error)
            text = str(error) if cause is Cause.DIVERGED else traceback_of(error)
        else:
            return self._told(metrics)
        return self._failed(cause, text)  # when the error holds on to no tensors any more

    def _told(self, metrics: EpochMetrics) -> dict[str, Any]:
        self._clock.epoch(metrics["epoch_seconds"])
        told: dict[str, Any] = {METRICS: [metrics], OUTCOME: State.RUNNING.value}
        if int(metrics["epoch"]) == self._config.epochs - 1:
            result = load_result(TrialFiles(self._folder.root))
            told |= {"done": True, OUTCOME: State.COMPLETE.value, "result": result}
            self._clean()
        return told

    def _failed(self, cause: Cause, error: str) -> dict[str, Any]:
        if cause.is_memory:
            peak = peak_memory_mb(pick_device(self._device))
            error = f"{error.rstrip()}; the peak was {peak:.0f} MiB"
        self._clean()
        state = State.DIVERGED if cause is Cause.DIVERGED else State.FAILED
        return {"done": True, OUTCOME: state.value, "cause": cause.value, "error": error}

    def _clean(self) -> None:
        """Nothing of the trial is left: memory, open files, generators, switches of torch."""
        self._epochs = iter(())
        self._folder.leave()
        gc.collect()
        torch.cuda.empty_cache()
        self._fresh.restore()

    def cleanup(self) -> None:
        self._clean()

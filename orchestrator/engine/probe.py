"""A few steps of a training, timed: what a forecast is made of."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from data.batches import ClipBatches
from data.preparation import ensure_store
from data.store import ArrayStore
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.files import TrialFiles, save_state
from orchestrator.engine.network import load_init_weights
from orchestrator.engine.state import TrialState, build_state, pick_device, split_batches
from orchestrator.engine.trial import peak_memory_mb, train_step

NUM_BLOCKS = 5
_WARM_UP = 2
_FEWEST, _MOST = 4, 2000
_TRAINING_SHARE = 0.75


class Spread(NamedTuple):
    """The mean, and the means of the fastest and the slowest of some blocks of a measurement."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True)
class Probe:
    """What one training takes, in seconds, bytes and MiB.

    `start` is everything before the first step, and what the first step takes longer than others.
    `step` and `evaluation` are of one batch, `save` of one checkpoint.
    """

    start: float
    step: Spread
    evaluation: Spread
    save: float
    num_steps: int
    num_eval_batches: int
    peak_memory_mb: float
    state_bytes: int
    weights_bytes: int
    predictions_bytes: int

    def seconds(self, epochs: int) -> Spread:
        """Of a whole training of so many epochs."""
        pairs = zip(self.step, self.evaluation, strict=True)
        per_epoch = (self.num_steps * a + self.num_eval_batches * b + self.save for a, b in pairs)
        return Spread(*(self.start + epochs * seconds for seconds in per_epoch))


def probe(config: TrialConfig, *, data_root: Path, device: str, seconds: float) -> Probe:
    """Train and evaluate for so many seconds at least, and for a few batches in any case.

    Nothing is kept. Raises what `train_epochs` raises before its first epoch.
    """
    began = time.perf_counter()
    where = pick_device(device)
    store = ensure_store(config.data.name, data_root)
    fit, held_out = split_batches(config, store, where)
    state = build_state(config, store, where)
    load_init_weights(state.model, config)
    _wait(where)
    start = time.perf_counter() - began
    steps = _timed(_training(state, fit), where, _TRAINING_SHARE * seconds)
    evaluations = _timed(_evaluation(state, held_out), where, (1 - _TRAINING_SHARE) * seconds)
    save, state_bytes, weights_bytes = _saved(state)
    step = _spread(steps[_WARM_UP:])
    return Probe(
        start=start + max(0.0, steps[0] - step.mean),
        step=step,
        evaluation=_spread(evaluations[_WARM_UP:]),
        save=save,
        num_steps=len(fit),
        num_eval_batches=len(held_out),
        peak_memory_mb=peak_memory_mb(where),
        state_bytes=state_bytes,
        weights_bytes=weights_bytes,
        predictions_bytes=_predictions_bytes(state, store),
    )


def _training(state: TrialState, batches: ClipBatches) -> Iterator[None]:
    for epoch in itertools.count():
        state.model.train()
        for batch in batches.epoch(epoch):
            train_step(state, batch, state.base_lr * state.schedule(0))
            yield


@torch.no_grad()
def _evaluation(state: TrialState, batches: ClipBatches) -> Iterator[None]:
    state.model.eval()
    while True:
        for batch in batches.epoch(0):
            with state.autocast:
                state.model(batch.x, batch.present)
            yield


def _timed(work: Iterator[None], device: torch.device, seconds: float) -> list[float]:
    """Seconds of piece after piece."""
    times: list[float] = []
    while len(times) < _FEWEST or (sum(times) < seconds and len(times) < _MOST):
        began = time.perf_counter()
        next(work)
        _wait(device)
        times.append(time.perf_counter() - began)
    return times


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _spread(times: list[float]) -> Spread:
    """Over blocks of consecutive pieces: some make clips for several, so that single ones vary."""
    size = max(1, len(times) // NUM_BLOCKS)
    blocks = [statistics.fmean(block) for block in _whole_blocks(times, size)]
    return Spread(min(blocks), statistics.fmean(times), max(blocks))


def _whole_blocks(times: list[float], size: int) -> list[list[float]]:
    return [times[first : first + size] for first in range(0, len(times) - size + 1, size)]


def _saved(state: TrialState) -> tuple[float, int, int]:
    """Seconds to write a checkpoint, its bytes, and those of the weights alone."""
    with tempfile.TemporaryDirectory() as folder:
        files = TrialFiles(Path(folder))
        began = time.perf_counter()
        save_state(files.last, state.state_dict())
        seconds = time.perf_counter() - began
        save_state(files.best, {"model": state.model.state_dict()})
        return seconds, files.last.stat().st_size, files.best.stat().st_size


def _predictions_bytes(state: TrialState, store: ArrayStore) -> int:
    """Scores hardly compress: four bytes a class, clip and head."""
    config, num_heads = state.config, len(state.model.head_weights)
    num_clips = len(store.split(config.data.protocol, config.eval_split))
    kinds = 1 + (num_heads if num_heads > 1 else 0)
    return 4 * num_clips * len(store.info.classes) * kinds

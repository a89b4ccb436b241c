"""One trial, from configuration to result: the recipe that every study runs many times."""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data.batches import Batch, ClipBatches
from data.preparation import ensure_store
from data.store import ArrayStore
from losses.margin import MarginLoss
from losses.precision import at_least_float32
from models.interface import ModelOutput
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.distributed import Team
from orchestrator.engine.documents import Raw, dump_yaml, read_mapping
from orchestrator.engine.errors import DivergedError, SkelTuneError
from orchestrator.engine.evaluate import evaluate
from orchestrator.engine.files import TrialFiles, load_state, save_state, write_text
from orchestrator.engine.network import load_init_weights
from orchestrator.engine.outcome import finish, keep_if_best, require_finite_figures
from orchestrator.engine.state import (
    EpochMetrics,
    TrialState,
    build_state,
    eval_batches,
    fit_batches,
    pick_device,
)

Reporter = Callable[[EpochMetrics], None]

_EPOCH_STRIDE = 1_000_003
_STEPS_BETWEEN_CHECKS = 16


def run_trial(
    config: TrialConfig,
    out: Path,
    *,
    data_root: Path,
    device: str = "auto",
    report: Reporter | None = None,
) -> dict[str, Any]:
    """Train to the end, or carry on from `out`; the content of result.json."""
    for metrics in train_epochs(config, out, data_root=data_root, device=device):
        if report is not None:
            report(metrics)
    return load_result(TrialFiles(out))


def train_epochs(
    config: TrialConfig, out: Path, *, data_root: Path, device: str = "auto"
) -> Iterator[EpochMetrics]:
    """Yield every epoch's metrics; those of an earlier, interrupted run come first.

    After each yield the epoch is safe on disk: a caller may stop at any of them and call again
    later. Raises `DivergedError`, and `ValueError` where components do not fit together.
    """
    files, team = TrialFiles(out), Team.present()
    team.require(config)
    if team.is_first:
        claim(files, config)
    where = pick_device(device)
    store = ensure_store(config.data.name, data_root)
    fit = fit_batches(config, store, where, team)
    held_out = held_out_batches(config, store, where, team)
    state = build_state(config, store, where, team)
    start(state, files)
    if len(state.history) == config.epochs:
        finish(state, store, files)
    yield from list(state.history)

    for epoch in range(len(state.history), config.epochs):
        torch.manual_seed(team.seed(config.seed * _EPOCH_STRIDE + epoch))
        started = time.perf_counter()
        metrics = train_one_epoch(state, fit, epoch)
        evaluation = None
        if held_out is not None:
            evaluation = evaluate(state.model, held_out, state.autocast, team)
            metrics |= {f"{config.eval_split}/{k}": v for k, v in evaluation.metrics.items()}
            require_finite_figures(metrics)
        keep_if_best(state, files, store, evaluation, metrics)
        metrics["epoch_seconds"] = time.perf_counter() - started
        state.history.append(metrics)
        if team.is_first:
            save_state(files.last, state.state_dict())
        if epoch == config.epochs - 1:
            finish(state, store, files)
        yield metrics


def held_out_batches(
    config: TrialConfig, store: ArrayStore, device: torch.device, team: Team
) -> ClipBatches | None:
    """What every epoch is evaluated on; None where the test split is locked."""
    if config.select_on == "none":
        return None
    return eval_batches(config, store, device, config.eval_split, team)


def claim(files: TrialFiles, config: TrialConfig) -> None:
    """Make the folder this trial's; `SkelTuneError` if it is another's."""
    if files.config.exists() and _identity(read_mapping(files.config)) != _identity(config.plain()):
        raise SkelTuneError(
            f"{files.root} holds another trial (see its {files.config.name}); choose another folder"
        )
    write_text(files.config, dump_yaml(config.plain()))


def _identity(document: Raw) -> Raw:
    """All that is said, but of the initial weights not their place."""
    said = {key: value for key, value in document.items() if value is not None}
    weights = said.get("init_weights")
    return said | {"init_weights": weights and weights["sha256"]}


def start(state: TrialState, files: TrialFiles) -> None:
    """From the last checkpoint, else from the weights that the configuration names."""
    team = state.team
    if team.is_first:
        try:
            state.load_state_dict(load_state(files.last, state.device))
        except FileNotFoundError:
            load_init_weights(state.model, state.config)
    if not team.is_alone:
        state.load_state_dict(team.from_first(state.state_dict(), state.device))


def train_one_epoch(state: TrialState, batches: ClipBatches, epoch: int) -> EpochMetrics:
    """Mean loss and accuracy (percent) over the epoch's clips, rate and speed."""
    state.model.train()
    started = time.perf_counter()
    totals = torch.zeros(2, device=state.device, dtype=torch.float64)
    num_clips, lr = 0, state.base_lr
    for step, batch in enumerate(batches.epoch(epoch)):
        lr = state.base_lr * state.schedule(epoch + step / len(batches))
        loss, scores = train_step(state, batch, lr)
        size = len(batch.labels)
        hits = (scores.argmax(dim=1) == batch.labels).sum()
        totals += torch.stack([loss.double() * size, hits.double()])
        num_clips += size
        if step % _STEPS_BETWEEN_CHECKS == 0:
            require_finite(state, totals[0], epoch, step)
    require_finite(state, totals[0], epoch, len(batches) - 1)
    state.team.average_norms(state.model)
    seconds = time.perf_counter() - started
    mean_loss, accuracy = (totals / num_clips).tolist()
    return {
        "epoch": epoch,
        "train/loss": mean_loss,
        "train/top1": 100.0 * accuracy,
        "lr": lr,
        "clips_per_second": num_clips / seconds,
        "peak_memory_mb": state.team.largest(peak_memory_mb(state.device)),
    }


def train_step(state: TrialState, batch: Batch, lr: float) -> tuple[Tensor, Tensor]:
    """One update of the network and of the centres; the total loss and the scores.

    Both are of the whole batch, also where this worker has a share of it.
    """
    state.team.enter(len(batch.labels))
    for group in state.optimizers[0].param_groups:
        group["lr"] = lr
    with state.autocast:
        output = state.step_model(batch.x, batch.present)
    output = state.team.whole(output, len(batch.labels))
    loss = total_loss(state, output, batch.labels)
    for optimizer in state.optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if state.embedding is not None:
        state.team.agree(state.embedding.parameters())
    if state.config.clip_grad_norm is not None:
        nn.utils.clip_grad_norm_(state.model.parameters(), state.config.clip_grad_norm)
    for optimizer in state.optimizers:
        optimizer.step()
    return loss.detach(), output.scores.detach()


def total_loss(state: TrialState, output: ModelOutput, labels: Tensor) -> Tensor:
    """The weighted sum over the heads, and the loss on the embedding."""
    embedding = at_least_float32(output.embedding)
    takes_embedding = isinstance(state.classification, MarginLoss) and (
        state.classification.takes_embedding
    )
    extra = (embedding,) if takes_embedding else ()
    weights = state.model.head_weights
    losses = [
        weights[head] * state.classification(at_least_float32(logits), labels, *extra)
        for head, logits in output.heads.items()
    ]
    if state.embedding is not None:
        losses.append(state.embedding(embedding, labels))
    return torch.stack(losses).sum()


def require_finite(state: TrialState, loss_sum: Tensor, epoch: int, step: int) -> None:
    """Raise `DivergedError` naming the first tensor that is not finite."""
    if math.isfinite(loss_sum.item()):
        return
    parts = {"model": state.model, "embedding loss": state.embedding}
    tensors = (
        (f"{part} {kind} {name}", tensor)
        for part, module in parts.items()
        if module is not None
        for name, parameter in module.named_parameters()
        for kind, tensor in (("weight", parameter), ("gradient", parameter.grad))
    )
    bad = (name for name, t in tensors if t is not None and not torch.isfinite(t).all())
    first = next(bad, "none but the loss itself")
    raise DivergedError(
        f"train/loss is not finite in epoch {epoch}, step {step}; first such tensor: {first}"
    )


def load_result(files: TrialFiles) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(files.result.read_text())
    return result


def peak_memory_mb(device: torch.device) -> float:
    """Largest device memory allocated, or on the CPU the process's largest resident size."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

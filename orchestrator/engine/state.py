"""What one training works with: data, model, losses and optimizers, and how they are saved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn, optim

from data.batches import ClipBatches
from data.dataset import IntArray
from data.store import ArrayStore
from losses.margin import MarginLoss
from models.interface import SkeletonModel
from orchestrator.engine.config import TrialConfig, transform_of
from orchestrator.engine.distributed import ALONE, StepModel, Team
from orchestrator.engine.network import (
    build_classification,
    build_embedding_loss,
    build_model,
    input_shape,
    summarize,
)
from orchestrator.engine.optim import LR_SCHEDULES, OPTIMIZERS, Schedule

EpochMetrics = dict[str, float]


@dataclass
class TrialState:
    """What training changes, and what it needs at hand to do so."""

    config: TrialConfig
    device: torch.device
    model: SkeletonModel
    step_model: StepModel
    classification: nn.Module
    embedding: nn.Module | None
    optimizers: list[optim.Optimizer]
    schedule: Schedule
    base_lr: float
    autocast: torch.autocast
    summary: dict[str, int]
    team: Team
    history: list[EpochMetrics] = field(default_factory=list)
    best_epoch: int | None = None
    per_class: list[float | None] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """Plain values and tensors: loadable with `weights_only`."""
        return {
            "model": self.model.state_dict(),
            "classification": self.classification.state_dict(),
            "embedding": self.embedding.state_dict() if self.embedding else None,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "history": self.history,
            "best_epoch": self.best_epoch,
            "per_class": self.per_class,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["model"])
        self.classification.load_state_dict(saved["classification"])
        if self.embedding is not None:
            self.embedding.load_state_dict(saved["embedding"])
        for optimizer, content in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(content)
        self.history = saved["history"]
        self.best_epoch = saved["best_epoch"]
        self.per_class = saved["per_class"]


def pick_device(device: str) -> torch.device:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"unknown device {device!r}; say auto, cpu, cuda or cuda:N") from None
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device}: this machine has {torch.cuda.device_count()} of CUDA")
    return found


def split_batches(
    config: TrialConfig, store: ArrayStore, device: torch.device
) -> tuple[ClipBatches, ClipBatches]:
    """Batches to fit on and batches to evaluate on."""
    held_out = eval_batches(config, store, device, config.eval_split)
    return fit_batches(config, store, device), held_out


def fit_batches(
    config: TrialConfig, store: ArrayStore, device: torch.device, team: Team = ALONE
) -> ClipBatches:
    spec, transform = config.data, transform_of(config.data)
    return ClipBatches(
        store,
        clips_of(config, store, *config.fit_splits),
        transform,
        batch_size=config.whole_batch,
        device=device,
        seed=config.seed,
        train=True,
        repeat=spec.repeat,
        drop_last=config.drop_last,
        share=team.share,
    )


def eval_batches(
    config: TrialConfig, store: ArrayStore, device: torch.device, split: str, team: Team = ALONE
) -> ClipBatches:
    return ClipBatches(
        store,
        clips_of(config, store, split),
        transform_of(config.data),
        batch_size=config.eval_batch_size,
        device=device,
        seed=config.seed,
        train=False,
        test=split == "test",
        share=team.share,
    )


def clips_of(config: TrialConfig, store: ArrayStore, *splits: str) -> IntArray:
    """Of more than `max_clips` every so manieth."""
    clips = store.split(config.data.protocol, *splits)
    if config.max_clips is None or len(clips) <= config.max_clips:
        return clips
    places = np.linspace(0, len(clips) - 1, config.max_clips).astype(int)
    return np.take(clips, places)


def build_state(
    config: TrialConfig, store: ArrayStore, device: torch.device, team: Team = ALONE
) -> TrialState:
    """Model, losses and optimizers as a fresh trial has them."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    torch.set_float32_matmul_precision("highest" if config.precision == "fp32" else "high")
    torch.backends.cudnn.allow_tf32 = config.precision != "fp32"
    model = build_model(config, store.info).to(device)
    summary = summarize(model, input_shape(config, store.info))
    classification = build_classification(config).to(device)
    groups = parameter_groups(model, classification)
    optimizers = [OPTIMIZERS[config.optimizer.name](groups, **config.optimizer.args)]
    base_lr = config.lr
    embedding = build_embedding_loss(config, len(store.info.classes), model.embedding_dim)
    if embedding is not None:
        embedding.to(device)
        if centers := list(embedding.parameters()):
            optimizers.append(optim.SGD(centers, lr=config.loss.center_lr or base_lr))
    return TrialState(
        config=config,
        device=device,
        model=model,
        step_model=team.spread(model, config),
        classification=classification,
        embedding=embedding,
        optimizers=optimizers,
        schedule=LR_SCHEDULES[config.lr_schedule.name](config.epochs, **config.lr_schedule.args),
        base_lr=base_lr,
        autocast=torch.autocast(device.type, torch.bfloat16, config.precision == "bf16"),
        summary=asdict(summary),
        team=team,
    )


def parameter_groups(model: SkeletonModel, classification: nn.Module) -> list[dict[str, Any]]:
    """All parameters; the classifiers of a margin loss, whose scale means nothing, do not decay."""
    if not isinstance(classification, MarginLoss):
        return [{"params": list(model.parameters())}]
    undecayed = list(model.classifiers.parameters())
    known = set(map(id, undecayed))
    others = [parameter for parameter in model.parameters() if id(parameter) not in known]
    return [{"params": others}, {"params": undecayed, "weight_decay": 0.0}]

"""Optimizers and learning-rate schedules: builders and the tables that name them."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import optim
from torch.optim.optimizer import ParamsT

Schedule = Callable[[float], float]


def sgd(
    parameters: ParamsT,
    *,
    lr: float = 0.1,
    momentum: float = 0.9,
    nesterov: bool = True,
    weight_decay: float = 1e-4,
) -> optim.Optimizer:
    return optim.SGD(
        parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay
    )


def adam(
    parameters: ParamsT,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.0,
) -> optim.Optimizer:
    """Weight decay is coupled (L2 in the gradient)."""
    return optim.Adam(parameters, lr=lr, betas=betas, weight_decay=weight_decay)


def adamw(
    parameters: ParamsT,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 1e-2,
) -> optim.Optimizer:
    return optim.AdamW(parameters, lr=lr, betas=betas, weight_decay=weight_decay)


def constant(epochs: int, *, warmup_epochs: int = 0) -> Schedule:
    return _warmed(lambda epoch: 1.0, warmup_epochs)


def step(
    epochs: int,
    *,
    milestones: tuple[int, ...] = (35, 55),
    gamma: float = 0.1,
    warmup_epochs: int = 0,
) -> Schedule:
    """The rate is multiplied by `gamma` at every milestone (0-based epoch) reached so far."""
    return _warmed(lambda epoch: gamma ** sum(epoch >= m for m in milestones), warmup_epochs)


def exponential(epochs: int, *, gamma: float = 0.98, warmup_epochs: int = 0) -> Schedule:
    """The rate of epoch e (0-based) is gamma ** e."""
    return _warmed(lambda epoch: gamma ** math.floor(epoch), warmup_epochs)


def cosine(epochs: int, *, warmup_epochs: int = 0, final: float = 0.0) -> Schedule:
    """Half a cosine from 1 to `final` after the warm-up, falling with every step."""

    def factor(epoch: float) -> float:
        progress = (epoch - warmup_epochs) / max(1, epochs - warmup_epochs)
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return _warmed(factor, warmup_epochs)


def _warmed(factor: Schedule, warmup_epochs: int) -> Schedule:
    """Linear warm-up by whole epochs: epoch e < w has the factor (e + 1) / w."""

    def schedule(epoch: float) -> float:
        if epoch < warmup_epochs:
            return (math.floor(epoch) + 1) / warmup_epochs
        return factor(epoch)

    return schedule


OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {"sgd": sgd, "adam": adam, "adamw": adamw}
LR_SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "cosine": cosine,
}

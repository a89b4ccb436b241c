"""What probabilities are worth on labelled clips, each figure with an interval over the clips.

Shapes: N clips, K classes. Intervals say how far the figure might lie on other clips of the same
kind; they say nothing of other seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from data.dataset import IntArray
from orchestrator.engine.evaluate import class_accuracy

LEVEL = 0.95
Hits = NDArray[np.bool_]


@dataclass(frozen=True)
class Figure:
    """A value and its interval: percent, but for the loss."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """Of one split; `per_class` is None for a class without clips."""

    num_clips: int
    top1: Figure
    top5: Figure
    mean_class: Figure
    loss: Figure
    per_class: tuple[float | None, ...]


def measure(labels: IntArray, probabilities: NDArray[np.float64]) -> Figures:
    """Top-1, top-5, mean of the classes' accuracies, and cross-entropy."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    hits = order[:, :5] == labels[:, None]
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    per_class = class_accuracy(torch.from_numpy(labels), torch.from_numpy(probabilities))
    return Figures(
        num_clips=len(labels),
        top1=_share(hits[:, 0]),
        top5=_share(hits.any(axis=1)),
        mean_class=_mean_class(hits[:, 0], labels),
        loss=_mean(-np.log(np.maximum(own, np.finfo(np.float64).tiny))),
        per_class=tuple(per_class),
    )


def _share(hits: Hits) -> Figure:
    """Wilson's interval."""
    from scipy.stats import binomtest

    found = binomtest(int(hits.sum()), len(hits))
    low, high = found.proportion_ci(LEVEL, method="wilson")
    return Figure(100 * found.statistic, 100 * float(low), 100 * float(high))


def _mean_class(hits: Hits, labels: IntArray) -> Figure:
    """Each class's variance from its hits with two more of either kind (Agresti and Coull)."""
    from scipy.stats import norm

    classes, counts = np.unique(labels, return_counts=True)
    right = np.array([np.count_nonzero(hits[labels == label]) for label in classes])
    shares = (right + 2) / (counts + 4)
    error = math.sqrt((shares * (1 - shares) / (counts + 4)).sum()) / len(classes)
    reach, value = 100 * float(norm.ppf((1 + LEVEL) / 2)) * error, 100 * (right / counts).mean()
    return Figure(float(value), max(0.0, float(value) - reach), min(100.0, float(value) + reach))


def _mean(losses: NDArray[np.float64]) -> Figure:
    """Student's interval; of one clip the value alone."""
    from scipy.stats import t

    value, count = float(losses.mean()), len(losses)
    if count < 2:
        return Figure(value, value, value)
    reach = float(t.ppf((1 + LEVEL) / 2, count - 1) * losses.std(ddof=1)) / math.sqrt(count)
    return Figure(value, value - reach, value + reach)

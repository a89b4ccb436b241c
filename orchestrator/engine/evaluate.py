"""Accuracy figures of one split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from data.batches import ClipBatches


@dataclass(frozen=True)
class Evaluation:
    """Scores (n, classes) of the clips (n,) of one split and what they are worth."""

    clips: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    metrics: dict[str, float]
    per_class: list[float | None]


@torch.no_grad()
def evaluate(model: nn.Module, batches: ClipBatches, precision: torch.autocast) -> Evaluation:
    """Top-1, top-5, mean class accuracy (in percent) and cross-entropy of the model's scores."""
    model.eval()
    scores, labels, clips = [], [], []
    for batch in batches.epoch(0):
        with precision:
            scores.append(model(batch.x).scores.float())
        labels.append(batch.labels)
        clips.append(batch.clips)
    return _measured(torch.cat(clips), torch.cat(labels), torch.cat(scores))


def _measured(clips: Tensor, labels: Tensor, scores: Tensor) -> Evaluation:
    per_class = class_accuracy(labels, scores)
    present = [share for share in per_class if share is not None]
    metrics = {
        "top1": top_k(labels, scores, 1),
        "top5": top_k(labels, scores, 5),
        "mean_class": sum(present) / len(present),
        "loss": functional.cross_entropy(scores, labels).item(),
    }
    return Evaluation(
        clips.cpu().numpy(), labels.cpu().numpy(), scores.cpu().numpy(), metrics, per_class
    )


def top_k(labels: Tensor, scores: Tensor, k: int) -> float:
    """Share of clips (percent) whose label is among the k highest scores."""
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return 100.0 * (best == labels[:, None]).any(dim=1).double().mean().item()


def class_accuracy(labels: Tensor, scores: Tensor) -> list[float | None]:
    """Top-1 accuracy (percent) of each class; None for a class without clips."""
    num_classes = scores.shape[1]
    hits = (scores.argmax(dim=1) == labels).double()
    counts = torch.bincount(labels, minlength=num_classes).tolist()
    correct = torch.bincount(labels, weights=hits, minlength=num_classes).tolist()
    return [100.0 * c / n if n else None for c, n in zip(correct, counts, strict=True)]

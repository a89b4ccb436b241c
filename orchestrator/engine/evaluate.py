"""Accuracy figures of one split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from data.batches import ClipBatches
from models.interface import ModelOutput
from orchestrator.engine.distributed import ALONE, Team


@dataclass(frozen=True)
class Evaluation:
    """Scores (n, classes) of the clips (n,) of one split and what they are worth.

    `heads` has the logits of every head of a model with several.
    """

    clips: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    heads: dict[str, NDArray[np.float32]]
    metrics: dict[str, float]
    per_class: list[float | None]


@torch.no_grad()
def evaluate(
    model: nn.Module, batches: ClipBatches, precision: torch.autocast, team: Team = ALONE
) -> Evaluation:
    """Top-1, top-5, mean class accuracy (in percent) and cross-entropy of the model's scores.

    Of a model with several heads also each head's top-1, as `top1_HEAD`.
    """
    model.eval()
    outputs, labels, clips = [], [], []
    for batch in batches.epoch(0):
        with precision:
            output: ModelOutput = model(batch.x, batch.present)
        output = team.whole(output, len(batch.labels))
        outputs.append({_SCORES: output.scores.float(), **_several(output.heads)})
        labels.append(batch.labels)
        clips.append(batch.clips)
    scores = {name: torch.cat([output[name] for output in outputs]) for name in outputs[0]}
    return _measured(torch.cat(clips), torch.cat(labels), scores.pop(_SCORES), scores)


_SCORES = ""  # no head has this name


def _several(heads: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: logits.float() for name, logits in heads.items()} if len(heads) > 1 else {}


def _measured(
    clips: Tensor, labels: Tensor, scores: Tensor, heads: dict[str, Tensor]
) -> Evaluation:
    per_class = class_accuracy(labels, scores)
    present = [share for share in per_class if share is not None]
    metrics = {
        "top1": top_k(labels, scores, 1),
        "top5": top_k(labels, scores, 5),
        "mean_class": sum(present) / len(present),
        "loss": functional.cross_entropy(scores, labels).item(),
        **{f"top1_{name}": top_k(labels, logits, 1) for name, logits in heads.items()},
    }
    return Evaluation(
        clips.cpu().numpy(),
        labels.cpu().numpy(),
        scores.cpu().numpy(),
        {name: logits.cpu().numpy() for name, logits in heads.items()},
        metrics,
        per_class,
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

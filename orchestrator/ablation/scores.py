"""What one cell scored: its objective, and how much of it each clip of the split is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestrator.ablation.spec import Summed
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.fusing.fusion import Predictions, as_probabilities, require_alike, weighted_sum
from orchestrator.fusing.predictions import read_predictions
from orchestrator.records import State, TrialRecord
from orchestrator.spec import Objective

Floats = NDArray[np.float64]
_ROUNDING = 0.01
"""Points by which a figure summed by the trial may differ from that of its saved scores."""


@dataclass(frozen=True, eq=False)
class CellScore:
    """`clips` (C,) has the objective as its mean; None for a loss, or without predictions."""

    value: float
    clips: Floats | None
    names: NDArray[np.str_] | None


def cell_score(
    records: Sequence[TrialRecord | None],
    weights: Sequence[float],
    objective: Objective,
    trials: Path,
    fuse: Summed = "scores",
) -> CellScore | None:
    """Of trainings that are all complete, else None; several are fused with the weights."""
    done = [record for record in records if record is not None and record.state is State.COMPLETE]
    if len(done) < len(records):
        return None
    fused = fused_scores(done, weights, trials, fuse)
    parts = None if fused is None else parts_of(fused, objective.metric)
    value = done[0].best(objective.metric, objective.mode) if len(done) == 1 else None
    if fused is not None and parts is not None and _agrees(parts, value):
        return CellScore(float(parts.mean()), parts, fused.clips)
    return None if value is None else CellScore(value, None, None)


def _agrees(parts: Floats, value: float | None) -> bool:
    return value is None or abs(float(parts.mean()) - value) <= _ROUNDING


def fused_scores(
    records: Sequence[TrialRecord],
    weights: Sequence[float],
    trials: Path,
    fuse: Summed = "scores",
) -> Predictions | None:
    """The first stream's clips with the weighted sum of all streams; None if a file is gone."""
    try:
        plans = [record.plan for record in records]
        files = [TrialFiles(trials / plan.id).predictions for plan in plans]
        named = zip(files, plans, strict=True)
        streams = [read_predictions(file, plan.name) for file, plan in named]
        require_alike(streams)
        if fuse == "probabilities":
            streams = [as_probabilities(stream) for stream in streams]
    except SkelTuneError:
        return None
    return replace(streams[0], scores=weighted_sum(streams, tuple(weights)))


def parts_of(predictions: Predictions, metric: str) -> Floats | None:
    """(C,): 0 or 100 for `top1`; for `mean_class` weighted so that each class counts alike."""
    labels = predictions.labels
    hits: Floats = 100.0 * (predictions.scores.argmax(axis=1) == labels)
    match metric.rpartition("/")[2]:
        case "top1":
            return hits
        case "mean_class":
            counts = np.bincount(labels)
            weights: Floats = len(hits) / (np.count_nonzero(counts) * counts[labels])
            return hits * weights
    return None

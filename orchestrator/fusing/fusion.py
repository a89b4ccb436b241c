"""Scores of several streams fused: one weighted sum a clip, the highest wins.

Shapes: K streams, N clips, L classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.evaluate import class_accuracy, top_k

Weights = tuple[float, ...]
Scores = NDArray[np.float32]

_STEPS = 20
_MOST_COMBINATIONS = 1001


@dataclass(frozen=True)
class Predictions:
    """The scores (N, L) of one stream before any softmax, and of what they are."""

    source: str
    clips: NDArray[np.str_]
    labels: NDArray[np.int64]
    scores: Scores
    data_digest: str
    protocol: str
    split: str


@dataclass(frozen=True)
class Figures:
    """In percent, as in training."""

    top1: float
    top5: float
    mean_class: float


@dataclass(frozen=True)
class Fusion:
    """What each stream is worth and what their weighted sum is."""

    split: str
    num_clips: int
    sources: tuple[str, ...]
    weights: Weights
    streams: tuple[Figures, ...]
    fused: Figures
    righted: int
    """Clips that the best stream has wrong and the sum right."""
    wronged: int

    def plain(self) -> dict[str, Any]:
        """For programs."""
        rows = zip(self.sources, self.weights, self.streams, strict=True)
        return {
            "split": self.split,
            "num_clips": self.num_clips,
            "points_per_clip": 100 / self.num_clips,
            "streams": [{"source": s, "weight": w, **asdict(f)} for s, w, f in rows],
            "fused": asdict(self.fused),
            "righted": self.righted,
            "wronged": self.wronged,
        }


def fuse(streams: Sequence[Predictions], weights: Weights) -> Fusion:
    """The weighted sum of the streams' scores and its figures.

    Raises `SkelTuneError` for streams of different clips and for weights that are not one
    non-negative number a stream, one of them above zero.
    """
    require_alike(streams)
    require_weights(weights, len(streams))
    labels = streams[0].labels
    figures = tuple(measure(labels, stream.scores) for stream in streams)
    best = max(range(len(streams)), key=lambda number: figures[number].top1)
    scores = weighted_sum(streams, weights)
    before = streams[best].scores.argmax(axis=1) == labels
    after = scores.argmax(axis=1) == labels
    return Fusion(
        split=streams[0].split,
        num_clips=len(labels),
        sources=tuple(stream.source for stream in streams),
        weights=weights,
        streams=figures,
        fused=measure(labels, scores),
        righted=int((after & ~before).sum()),
        wronged=int((before & ~after).sum()),
    )


def as_probabilities(stream: Predictions) -> Predictions:
    """The softmax of the scores in their place."""
    scores = torch.from_numpy(stream.scores).double().softmax(dim=1).float().numpy()
    return replace(stream, scores=scores)


def weighted_sum(streams: Sequence[Predictions], weights: Weights) -> Scores:
    """(N, L) float32."""
    terms = zip(weights, streams, strict=True)
    total = sum(weight * stream.scores.astype(np.float64) for weight, stream in terms)
    return np.asarray(total, dtype=np.float32)


def measure(labels: NDArray[np.int64], scores: Scores) -> Figures:
    target, values = torch.from_numpy(labels), torch.from_numpy(scores)
    shares = [share for share in class_accuracy(target, values) if share is not None]
    top1, top5 = top_k(target, values, 1), top_k(target, values, 5)
    return Figures(top1, top5, sum(shares) / len(shares))


def search_weights(streams: Sequence[Predictions]) -> Weights:
    """The weights, summing to 1, of the highest top-1 on these clips; no chance is involved.

    All combinations of coarse steps are tried, then a twentieth is moved from one stream to
    another as long as that helps. Of equal accuracies the one nearest to equal weights is taken,
    and equal weights themselves unless something is better.
    """
    require_alike(streams)
    labels = streams[0].labels
    scores = np.stack([stream.scores for stream in streams]).astype(np.float64)
    equal = np.full(len(streams), _STEPS / len(streams))

    def worth(counts: tuple[float, ...]) -> tuple[int, float]:
        hits = np.tensordot(counts, scores, axes=1).argmax(axis=1) == labels
        return int(hits.sum()), -float(np.square(np.subtract(counts, equal)).sum())

    best = max(_coarse(len(streams)), key=worth)
    while (better := max([best, *_neighbours(best)], key=worth)) != best:
        best = better
    if worth(tuple(equal))[0] >= worth(best)[0]:
        return (1 / len(streams),) * len(streams)
    return tuple(count / _STEPS for count in best)


def require_alike(streams: Sequence[Predictions]) -> None:
    """Raise `SkelTuneError` unless all streams have scored the same clips of the same data."""
    first = streams[0]
    for stream in streams[1:]:
        pair = f"{stream.source} and {first.source}"
        for what in ("split", "protocol", "data_digest"):
            ours, theirs = getattr(stream, what), getattr(first, what)
            if ours != theirs:
                name = what.replace("_", " ")
                raise SkelTuneError(f"{pair} must have one {name}, got {ours} and {theirs}")
        if not np.array_equal(stream.clips, first.clips):
            raise SkelTuneError(f"{pair} have scored different clips")
        if not np.array_equal(stream.labels, first.labels):
            raise SkelTuneError(f"{pair} have different labels for the same clips")
        if stream.scores.shape != first.scores.shape:
            sizes = f"{stream.scores.shape[1]} and {first.scores.shape[1]}"
            raise SkelTuneError(f"{pair} must have the same classes, got {sizes}")


def require_weights(weights: Weights, num_streams: int) -> None:
    if len(weights) != num_streams:
        raise SkelTuneError(f"{num_streams} streams need as many weights, got {len(weights)}")
    if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        raise SkelTuneError(f"weights must be at least 0, one of them above 0, got {weights}")


def _coarse(num_streams: int) -> Iterator[tuple[int, ...]]:
    """Counts that sum to `_STEPS`, in the finest steps that are not too many combinations."""
    for step in (2, 4, 5, 10, _STEPS):
        slots = _STEPS // step + num_streams - 1
        if math.comb(slots, num_streams - 1) <= _MOST_COMBINATIONS:
            break
    for bars in combinations(range(slots), num_streams - 1):
        edges = (-1, *bars, slots)
        yield tuple(step * (b - a - 1) for a, b in pairwise(edges))


def _neighbours(counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """One step moved from one stream to another."""
    for giver, given in enumerate(counts):
        for taker in range(len(counts)):
            if given and taker != giver:
                moved = list(counts)
                moved[giver] -= 1
                moved[taker] += 1
                yield tuple(moved)

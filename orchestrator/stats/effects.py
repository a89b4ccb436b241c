"""Effects: linear combinations of variants, with what is known of them from few seeds and clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from orchestrator.stats.crossed import (
    CrossedVariance,
    variance_over_seeds,
    variance_over_seeds_and_clips,
)
from orchestrator.stats.pivot import Pivot
from orchestrator.stats.samples import Floats, Sample

Term = tuple[float, Sample]
NO_SPREAD = 1e-18
"""Variance, in squared points, that is rounding: equal differences, from which nothing follows."""


@dataclass(frozen=True)
class Effect:
    """An estimate over the seeds that all variants have, in points of the objective.

    `variance` is None, and with it interval and p-value, for one seed, or where nothing varies.
    """

    estimate: float
    num_seeds: int
    num_clips: int | None
    variance: CrossedVariance | None
    resolution: float | None
    """What one clip is worth: smaller differences are below what the split can show."""
    effect_size: float | None
    """Hedges' g of the differences over seeds."""
    confidence: float = 0.95

    @property
    def low(self) -> float | None:
        return None if self._interval is None else self._interval[0]

    @property
    def high(self) -> float | None:
        return None if self._interval is None else self._interval[1]

    @cached_property
    def p_value(self) -> float | None:
        """Two-sided, of no effect; below 1 - confidence where the interval leaves out 0."""
        above, below = self.p_above(0.0), self.p_below(0.0)
        return None if above is None or below is None else min(1.0, 2 * min(above, below))

    @property
    def is_below_resolution(self) -> bool:
        """Whether the difference is smaller than one clip of the split."""
        return self.resolution is not None and abs(self.estimate) < self.resolution * (1 - 1e-9)

    def interval(self, confidence: float) -> tuple[float, float] | None:
        if self._pivot is None:
            return None
        half = self._pivot.quantile((1 - confidence) / 2)
        return self.estimate - half, self.estimate + half

    def p_above(self, bound: float) -> float | None:
        """One-sided p-value of `the effect is at most bound`: small speaks for more."""
        return None if self._pivot is None else self._pivot.tail(self.estimate - bound)

    def p_below(self, bound: float) -> float | None:
        """One-sided p-value of `the effect is at least bound`: small speaks for less."""
        return None if self._pivot is None else self._pivot.tail(bound - self.estimate)

    @cached_property
    def _interval(self) -> tuple[float, float] | None:
        return self.interval(self.confidence)

    @cached_property
    def _pivot(self) -> Pivot | None:
        return None if self.variance is None else Pivot(self.variance, self.resolution or 0.0)


def contrast(terms: Sequence[Term], *, confidence: float = 0.95) -> Effect | None:
    """The sum of coefficient x variant, seed by seed and clip by clip; None without a common seed.

    A difference is `[(1, ours), (-1, baseline)]`. Clips count where every variant has them.
    Raises ValueError where variants were judged by different numbers of clips.
    """
    seeds = common_seeds([sample for _, sample in terms])
    if not seeds:
        return None
    values = _combined([(weight, _rows(sample.values, sample, seeds)) for weight, sample in terms])
    clips = _clip_differences(terms, seeds)
    resolution = _resolution(terms)
    return Effect(
        estimate=float(values.mean()),
        num_seeds=len(seeds),
        num_clips=None if clips is None else clips.shape[1],
        variance=_variance(values, clips, resolution or 0.0),
        resolution=resolution,
        effect_size=_hedges_g(values),
        confidence=confidence,
    )


def common_seeds(samples: Sequence[Sample]) -> list[int]:
    return sorted(set.intersection(*(set(sample.seeds) for sample in samples)))


def _rows(array: Floats, sample: Sample, seeds: list[int]) -> Floats:
    chosen: Floats = array[[sample.seeds.index(seed) for seed in seeds]]
    return chosen


def _combined(terms: list[tuple[float, Floats]]) -> Floats:
    total: Floats = sum(weight * array for weight, array in terms)  # type: ignore[assignment]
    return total


def _clip_differences(terms: Sequence[Term], seeds: list[int]) -> Floats | None:
    """(S, C), or None where a variant has no clips."""
    known = [(weight, sample, sample.clips) for weight, sample in terms if sample.clips is not None]
    if len(known) < len(terms):
        return None
    counts = sorted({clips.shape[1] for _, _, clips in known})
    if len(counts) > 1:
        raise ValueError(f"variants must be judged by the same clips, got {counts} clips")
    return _combined([(weight, _rows(clips, sample, seeds)) for weight, sample, clips in known])


def _variance(values: Floats, clips: Floats | None, floor: float) -> CrossedVariance | None:
    if len(values) < 2:
        return None
    if clips is not None and clips.shape[1] > 1:
        variance = variance_over_seeds_and_clips(clips)
        return variance if variance.total > NO_SPREAD or floor > 0 else None
    variance = variance_over_seeds(values)
    return variance if variance.total > NO_SPREAD else None


def _resolution(terms: Sequence[Term]) -> float | None:
    """That of the largest term; None where a variant has no clips."""
    known = [(w, s.resolution) for w, s in terms if s.resolution is not None]
    return max(abs(w) * size for w, size in known) if len(known) == len(terms) else None


def _hedges_g(values: Floats) -> float | None:
    """Mean over standard deviation with the exact correction for few values; None below three.

    Hedges, Journal of Educational Statistics 6 (1981), equation 6e.
    """
    degrees = len(values) - 1
    if degrees < 2 or values.var(ddof=1) <= NO_SPREAD:
        return None
    log_ratio = special.gammaln(degrees / 2) - special.gammaln((degrees - 1) / 2)
    correction = np.exp(log_ratio) * np.sqrt(2 / degrees)
    return float(correction * values.mean() / values.std(ddof=1))

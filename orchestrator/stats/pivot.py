"""The distribution of an estimate's error when its variance is itself estimated, from few seeds.

A fiducial generalised pivot (Hannig, Iyer & Patterson, Fiducial generalized confidence intervals,
JASA 101, 2006; Weerahandi, JASA 88, 1993): given draws of the chi-squared variables behind the
estimated variances, the error is normal. It is Student's t where clips add nothing, normal where
seeds add nothing, and the Behrens-Fisher distribution between. Satterthwaite's approximation is
shorter, but far too sure of itself at small error rates: `tests/benchmarks/bench_intervals.py`.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache

import numpy as np
from scipy import optimize, special

from orchestrator.stats.crossed import CrossedVariance
from orchestrator.stats.samples import Floats

SEED_NODES = 64
CLIP_NODES = 16


class Pivot:
    """The law of estimate - truth; symmetric about 0."""

    def __init__(self, variance: CrossedVariance, floor: float = 0.0) -> None:
        """`floor` is the least standard error that is believed."""
        self._variance = variance
        self._floor = floor

    @cached_property
    def _deviations(self) -> tuple[Floats, Floats]:
        """Standard deviations that the error may have, and their probabilities."""
        v = self._variance
        by_seed, seed_weights = _inflations(self._degrees, SEED_NODES)
        by_clip, clip_weights = _inflations((v.num_clips or 2) - 1, CLIP_NODES)
        seeds, clips = v.seeds * by_seed[:, None], v.clips * by_clip
        total = np.maximum(seeds + clips - v.residual, np.maximum(seeds, clips))
        deviations = np.maximum(np.sqrt(total), self._floor)
        return deviations.ravel(), np.outer(seed_weights, clip_weights).ravel()

    def tail(self, error: float) -> float:
        """The probability of an error above this one."""
        if self._variance.num_clips is None:
            return float(special.stdtr(self._degrees, -error / self._scale))
        deviations, weights = self._deviations
        return float(weights @ special.ndtr(-error / deviations))

    def quantile(self, tail: float) -> float:
        """The error that is exceeded with probability `tail`, at most 0.5."""
        if self._variance.num_clips is None:
            return -float(special.stdtrit(self._degrees, tail)) * self._scale
        highest = -special.ndtri(tail) * self._deviations[0].max() + 1e-9
        distance = optimize.brentq(self._beyond, 0.0, highest, args=(tail,), xtol=1e-6, rtol=1e-8)
        return float(distance)

    def _beyond(self, error: float, tail: float) -> float:
        return math.log(self.tail(error) / tail)

    @property
    def _scale(self) -> float:
        return max(math.sqrt(self._variance.seeds), self._floor)

    @property
    def _degrees(self) -> int:
        return self._variance.num_seeds - 1


@lru_cache(maxsize=256)
def _inflations(degrees: int, nodes: int) -> tuple[Floats, Floats]:
    """Factors df / chi2 between an estimated and the true variance, with their weights.

    Midpoints of the cube root of the lower tail: dense where chi2 is small and the error large.
    """
    root = (np.arange(nodes) + 0.5) / nodes
    weights = 3 * root**2 / nodes
    chi2 = 2 * special.gammaincinv(degrees / 2, root**3)
    return degrees / chi2, weights / weights.sum()

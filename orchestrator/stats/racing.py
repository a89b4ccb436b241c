"""Looking after every added seed without fooling oneself.

A study that trains a seed more until its p-value is small finds an effect sooner or later. Here
the error rate is spent over the looks as Kim & DeMets (Biometrika 74, 1987) do, (n / last)^3 of it
up to n seeds: weights w_n that add up to 1. A p-value p_n at the look after n seeds counts as

    P(min over looks of P_n / w_n <= p_n / w_n),

where P_n are the p-values of the t-tests on the first n of the same seeds when there is no effect.
Their joint law depends on nothing unknown; it is drawn once, and exact but for these draws.
Whenever a race is stopped, the result is a p-value (Liu & Anderson, JASA 103, 2008); inverted, it
gives repeated confidence intervals (Jennison & Turnbull, JRSS B 51, 1989). Where clips vary, too,
looks share the clips and depend on each other more, so that the bound holds all the more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from orchestrator.stats.samples import Floats

DRAWS = 200_000


@dataclass(frozen=True)
class SeedRace:
    """Looks after `first`, `first + 1`, ..., `last` seeds; before `first` nothing is decided."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 2 <= self.first <= self.last:
            raise ValueError(
                f"a race needs 2 <= first <= last, got first={self.first}, last={self.last}"
            )

    def p_value(self, p_value: float, num_seeds: int) -> float:
        """What a two-sided p-value at the look after `num_seeds` is worth."""
        return self._counted(p_value, num_seeds, _null(self)[0])

    def one_sided_p_value(self, p_value: float, num_seeds: int) -> float:
        return self._counted(p_value, num_seeds, _null(self)[1])

    def level(self, alpha: float, num_seeds: int) -> float:
        """The largest two-sided p-value at this look that is worth no more than alpha.

        Intervals with confidence 1 - level hold at all looks together with 1 - alpha.
        """
        return self._level(alpha, num_seeds, _null(self)[0])

    def one_sided_level(self, alpha: float, num_seeds: int) -> float:
        return self._level(alpha, num_seeds, _null(self)[1])

    def weight(self, num_seeds: int) -> float:
        """Of the look after `num_seeds`; raises ValueError beyond the last."""
        if num_seeds > self.last:
            raise ValueError(f"the race ends after {self.last} seeds, got {num_seeds}")
        before = 0 if num_seeds == self.first else num_seeds - 1
        return float((num_seeds**3 - before**3) / self.last**3)

    def _counted(self, p_value: float, num_seeds: int, smallest: Floats) -> float:
        """The share of `smallest` that is at most as large, and no more than the sum's bound."""
        if num_seeds < self.first:
            return 1.0
        ratio = p_value / self.weight(num_seeds)
        below = np.searchsorted(smallest, ratio, side="right")
        return float(min(ratio, (below + 1) / (DRAWS + 1)))

    def _level(self, alpha: float, num_seeds: int, smallest: Floats) -> float:
        """The inverse of `_counted`."""
        if num_seeds < self.first:
            return 0.0
        below = int(alpha * (DRAWS + 1)) - 1
        ratio = np.nextafter(smallest[below], 0.0) if below >= 0 else 0.0
        return self.weight(num_seeds) * float(max(ratio, alpha))


@lru_cache
def _null(race: SeedRace) -> tuple[Floats, Floats]:
    """The smallest p_n / w_n of races without an effect, two-sided and one-sided, each sorted."""
    rng = np.random.default_rng(0)
    sums, squares = np.zeros(DRAWS), np.zeros(DRAWS)
    two_sided, one_sided = np.full(DRAWS, np.inf), np.full(DRAWS, np.inf)
    for num_seeds in range(1, race.last + 1):
        difference = rng.standard_normal(DRAWS)
        sums += difference
        squares += difference**2
        if num_seeds >= race.first:
            variance = (squares - sums**2 / num_seeds) / (num_seeds - 1)
            tails = special.stdtr(num_seeds - 1, -sums / np.sqrt(num_seeds * variance))
            weight = race.weight(num_seeds)
            np.minimum(one_sided, tails / weight, out=one_sided)
            np.minimum(two_sided, 2 * np.minimum(tails, 1 - tails) / weight, out=two_sided)
    return np.sort(two_sided), np.sort(one_sided)

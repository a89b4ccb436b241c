"""What more seeds, or more clips, would settle. Rough by nature: the variances are estimates."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from orchestrator.stats.crossed import CrossedVariance
from orchestrator.stats.effects import Effect
from orchestrator.stats.pivot import Pivot
from orchestrator.stats.racing import SeedRace

POWER = 0.8
MOST_SEEDS = 100
"""Nobody is told to train more."""
MOST_CLIPS = 100
"""Nor to record more than so many times the clips."""


@dataclass(frozen=True)
class Bar:
    """What a verdict on an effect takes: error rates, and the margin of equivalence."""

    difference: float
    equivalence: float
    margin: float | None
    race: SeedRace | None = None

    @property
    def most_seeds(self) -> int:
        return MOST_SEEDS if self.race is None else self.race.last

    @property
    def first_look(self) -> int:
        return 2 if self.race is None else self.race.first

    def limits(self, pivot: Pivot, num_seeds: int) -> tuple[float, float]:
        """Estimates farther from 0 than the first, or nearer than the second, are settled."""
        two_sided, one_sided = self._levels(num_seeds)
        equivalent = (self.margin or 0.0) - pivot.quantile(one_sided)
        return pivot.quantile(two_sided / 2), max(equivalent, 0.0)

    def _levels(self, num_seeds: int) -> tuple[float, float]:
        if self.race is None:
            return self.difference, self.equivalence
        two_sided = self.race.level(self.difference, num_seeds)
        return two_sided, self.race.one_sided_level(self.equivalence, num_seeds)


def seeds_needed(effect: Effect, bar: Bar) -> int | None:
    """The least number that settles an effect as large as the estimate with 80 % power.

    None where even the most seeds would not.
    """
    numbers = range(max(effect.num_seeds + 1, bar.first_look), bar.most_seeds + 1)
    place = bisect_left(numbers, POWER, key=lambda n: _power(effect, bar, n, effect.num_clips))
    return numbers[place] if place < len(numbers) else None


def clips_needed(effect: Effect, bar: Bar) -> int | None:
    """About how many settle it with the most seeds; None where that many seeds are the limit."""
    if effect.num_clips is None:
        return None
    numbers = [round(effect.num_clips * factor) for factor in np.geomspace(1.1, MOST_CLIPS, 50)]
    place = bisect_left(numbers, POWER, key=lambda n: _power(effect, bar, bar.most_seeds, n))
    return numbers[place] if place < len(numbers) else None


def chance_of_race(effect: Effect, bar: Bar) -> float:
    """Of a verdict at the last look, given what the seeds so far and their spread let expect.

    The clips stay what they are. Stopping where this is small can lose a verdict but not make a
    wrong one (stochastic curtailment: Lan, Simon & Halperin, Sequential Analysis 1, 1982).
    """
    assert effect.variance is not None
    last, now = bar.most_seeds, effect.variance
    still_open = max(now.seeds, now.residual) * (1 - now.num_seeds / last)
    to_come = Pivot(CrossedVariance(still_open, 0.0, 0.0, now.num_seeds, None), floor=1e-9)
    limits = bar.limits(_pivot(effect, last, effect.num_clips), last)
    return _chance(effect.estimate, limits, to_come)


def _power(effect: Effect, bar: Bar, num_seeds: int, num_clips: int | None) -> float:
    pivot = _pivot(effect, num_seeds, num_clips)
    return _chance(effect.estimate, bar.limits(pivot, num_seeds), pivot)


def _pivot(effect: Effect, num_seeds: int, num_clips: int | None) -> Pivot:
    assert effect.variance is not None
    floor = (effect.resolution or 0.0) * (effect.num_clips or 1) / (num_clips or 1)
    return Pivot(effect.variance.projected(num_seeds, num_clips), floor)


def _chance(expected: float, limits: tuple[float, float], pivot: Pivot) -> float:
    """Of an estimate beyond the limits, when it deviates from what is expected by the pivot."""
    different, equivalent = limits
    beyond = pivot.tail(different - expected) + pivot.tail(different + expected)
    near = pivot.tail(-equivalent - expected) - pivot.tail(equivalent - expected)
    return min(1.0, beyond + near)

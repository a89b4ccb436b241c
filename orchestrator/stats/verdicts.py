"""Verdicts: what a study's effects allow to say, all of them judged together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Literal

import numpy as np

from orchestrator.stats.effects import Effect
from orchestrator.stats.outlook import Bar, chance_of_race, clips_needed, seeds_needed
from orchestrator.stats.racing import SeedRace

Mode = Literal["max", "min"]
DEFAULT_MARGIN = 1.0
"""Points of accuracy, of either sign, that are not worth a component. A loss has no default."""
FUTILE = 0.05
"""A race is given up for an effect that is settled at its end with no more than this chance."""


class Verdict(StrEnum):
    """What may be said of an effect."""

    BETTER = "better"
    """Without an effect, so large a gain in any row of the study is rarer than alpha."""
    WORSE = "worse"
    """Without an effect, so large a loss in any row of the study is rarer than alpha."""
    EQUIVALENT = "equivalent"
    """A difference as large as the margin, in either direction, is ruled out."""
    INCONCLUSIVE = "inconclusive"
    """Neither a difference nor its absence is shown."""


@dataclass(frozen=True)
class Judgement:
    """An effect with its verdict; p-values are adjusted for all effects judged together."""

    effect: Effect
    verdict: Verdict
    p_value: float | None
    """Of no effect."""
    equivalence_p_value: float | None
    """Of a difference as large as the margin."""
    alpha: float
    bar: Bar
    """What is left to reach a verdict."""

    @property
    def is_settled(self) -> bool:
        return self.verdict is not Verdict.INCONCLUSIVE

    @property
    def is_within_margin(self) -> bool:
        """A difference as large as the margin is ruled out, whatever the verdict."""
        return self.equivalence_p_value is not None and self.equivalence_p_value <= self.alpha

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The effect's own with confidence 1 - alpha: wider in a race, for all its looks.

        It is not widened for the other effects, and may leave out 0 without a verdict.
        """
        race, num_seeds = self.bar.race, self.effect.num_seeds
        level = self.alpha if race is None else race.level(self.alpha, num_seeds)
        return self.effect.interval(1 - level) if level > 0 else None

    @property
    def low(self) -> float | None:
        return None if self.interval is None else self.interval[0]

    @property
    def high(self) -> float | None:
        return None if self.interval is None else self.interval[1]

    @cached_property
    def more_seeds(self) -> int | None:
        """So many settle it with 80 % power if the estimate is the truth; None if none do."""
        if self.is_settled or self.effect.variance is None:
            return None
        needed = seeds_needed(self.effect, self._next_bar)
        return None if needed is None else needed - self.effect.num_seeds

    @cached_property
    def clips_needed(self) -> int | None:
        """About how large a split would settle it with `most_seeds`, where these alone will not."""
        if self.is_settled or self.effect.variance is None or self.more_seeds is not None:
            return None
        return clips_needed(self.effect, self._next_bar)

    @property
    def most_seeds(self) -> int:
        """The most that anybody is told to train, or that a race has."""
        return self._next_bar.most_seeds

    @property
    def _next_bar(self) -> Bar:
        """A race that is over bars nothing after it."""
        race = self.bar.race
        is_over = race is not None and self.effect.num_seeds >= race.last
        return replace(self.bar, race=None) if is_over else self.bar

    @cached_property
    def is_open(self) -> bool:
        """Whether the race should go on for it: not settled, and it still may be."""
        race, effect = self.bar.race, self.effect
        if self.is_settled or race is None or effect.num_seeds >= race.last:
            return False
        if effect.num_seeds < race.first or effect.variance is None:
            return True
        return chance_of_race(effect, self.bar) > FUTILE


def judge(
    effects: Sequence[Effect],
    margin: float | None,
    alpha: float = 0.05,
    *,
    mode: Mode = "max",
    race: SeedRace | None = None,
) -> list[Judgement]:
    """One judgement an effect, in their order.

    Wrong claims of a difference, and wrong claims of equivalence, are made with at most
    probability alpha each in the whole study (Holm, Scandinavian Journal of Statistics 6, 1979).
    Equivalence takes two one-sided tests against the margin (Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987), and is never claimed where margin is None.
    Raises ValueError for a margin that is not positive, and for seeds beyond the race's last.
    """
    if margin is not None and margin <= 0:
        raise ValueError(f"margin must be positive, got {margin}")
    of_none = _holm([_difference_p_value(effect, race) for effect in effects])
    of_margin = _holm([_equivalence_p_value(effect, margin, race) for effect in effects])
    bar = Bar(_left(of_none, alpha), _left(of_margin, alpha), margin, race)
    return [
        Judgement(effect, _verdict(effect.estimate, p, q, alpha, mode), p, q, alpha, bar)
        for effect, p, q in zip(effects, of_none, of_margin, strict=True)
    ]


def _difference_p_value(effect: Effect, race: SeedRace | None) -> float | None:
    p_value = effect.p_value
    if p_value is None or race is None:
        return p_value
    return race.p_value(p_value, effect.num_seeds)


def _equivalence_p_value(
    effect: Effect, margin: float | None, race: SeedRace | None
) -> float | None:
    if margin is None:
        return None
    above, below = effect.p_above(-margin), effect.p_below(margin)
    if above is None or below is None:
        return None
    larger = max(above, below)
    return larger if race is None else race.one_sided_p_value(larger, effect.num_seeds)


def _holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted; a missing one stays missing, but counts as one of the study.

    As `multipletests` of statsmodels, which takes a second to import and runs the garbage
    collector at every call.
    """
    known = np.array([1.0 if p is None else p for p in p_values])
    order = np.argsort(known, kind="stable")
    scaled = np.minimum(known[order] * np.arange(len(known), 0, -1), 1.0)
    adjusted = np.empty_like(known)
    adjusted[order] = np.maximum.accumulate(scaled)
    return [None if p is None else float(q) for p, q in zip(p_values, adjusted, strict=True)]


def _left(adjusted: Sequence[float | None], alpha: float) -> float:
    """The error rate that Holm leaves to each effect that is not shown yet."""
    unshown = sum(p is None or p > alpha for p in adjusted)
    return alpha / max(unshown, 1)


def _verdict(
    estimate: float, p: float | None, equivalence_p: float | None, alpha: float, mode: Mode
) -> Verdict:
    if p is not None and p <= alpha:
        return Verdict.BETTER if (estimate > 0) == (mode == "max") else Verdict.WORSE
    if equivalence_p is not None and equivalence_p <= alpha:
        return Verdict.EQUIVALENT
    return Verdict.INCONCLUSIVE

"""Verdicts: what a study's effects allow to say, all of them judged together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from orchestrator.stats.effects import Effect
from orchestrator.stats.racing import SeedRace

Mode = Literal["max", "min"]


class Verdict(StrEnum):
    """What may be said of an effect."""

    BETTER = "better"
    """Better: no such difference is expected without an effect."""
    WORSE = "worse"
    """Worse: no such difference is expected without an effect."""
    EQUIVALENT = "equivalent"
    """Equivalent: a difference as large as the margin is ruled out."""
    INCONCLUSIVE = "inconclusive"
    """Inconclusive: neither a difference nor its absence is shown."""


@dataclass(frozen=True)
class Judgement:
    """An effect with its verdict; p-values are adjusted for all effects judged together."""

    effect: Effect
    verdict: Verdict
    p_value: float | None
    """Of no effect."""
    equivalence_p_value: float | None
    """Of a difference as large as the margin."""
    low: float | None
    high: float | None
    is_within_margin: bool
    """A difference as large as the margin is ruled out, whatever the verdict."""
    more_seeds: int | None
    """About so many more would settle it with 80 % power; None if settled, or if none would."""
    clips_needed: int | None
    """The split would need about so many clips; set where more seeds alone will not settle it."""

    @property
    def is_settled(self) -> bool:
        return self.verdict is not Verdict.INCONCLUSIVE


def judge(
    effects: Sequence[Effect],
    margin: float,
    alpha: float = 0.05,
    *,
    mode: Mode = "max",
    race: SeedRace | None = None,
) -> list[Judgement]:
    """One judgement an effect, in their order."""
    return [
        Judgement(e, Verdict.INCONCLUSIVE, e.p_value, None, e.low, e.high, False, None, None)
        for e in effects
    ]

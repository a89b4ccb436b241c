"""Adding seeds one at a time without fooling oneself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SeedRace:
    """Looks after every seed from the `first` to the `last` number of seeds."""

    first: int
    last: int

    def p_value(self, p_value: float, num_seeds: int) -> float:
        """What a two-sided p-value is worth at the look after `num_seeds`; a bound at first."""
        looks = self.last - self.first + 1
        return min(1.0, p_value * looks) if num_seeds >= self.first else 1.0

    def one_sided_p_value(self, p_value: float, num_seeds: int) -> float:
        return self.p_value(p_value, num_seeds)

    def confidence(self, confidence: float, num_seeds: int) -> float:
        """Of the interval at one look, so that those of all looks hold together."""
        return 1 - (1 - confidence) / (self.last - self.first + 1)

"""The variance of a mean over seeds x clips.

A difference D[s, c] of seed s on clip c is mu + a_s + b_c + e_sc: what the seed does to all clips,
what the clip does with all seeds, and what only this seed does to this clip. For independent seeds
and independent clips this is no assumption but the Hoeffding decomposition; a, b and e are
uncorrelated, and with S seeds and C clips

    Var(mean) = var_a / S + var_b / C + var_e / (S C).

Searle, Casella & McCulloch, Variance Components (1992), chapter 4; Owen, The pigeonhole bootstrap,
Annals of Applied Statistics 1 (2007), who shows that resampling seeds and clips counts the last
term three times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.stats.samples import Floats


@dataclass(frozen=True)
class CrossedVariance:
    """Unbiased estimates for a mean over S seeds and C clips, in squared points.

    `seeds`    var_a / S + var_e / (S C), from the spread of the S means over clips, S - 1 df
    `clips`    var_b / C + var_e / (S C), from the spread of the C means over seeds, C - 1 df
    `residual` var_e / (S C)

    Without clips the last two are 0 and `seeds` is the whole variance.
    """

    seeds: float
    clips: float
    residual: float
    num_seeds: int
    num_clips: int | None

    @property
    def seed_part(self) -> float:
        """var_a / S."""
        return max(self.seeds - self.residual, 0.0)

    @property
    def clip_part(self) -> float:
        """var_b / C."""
        return max(self.clips - self.residual, 0.0)

    @property
    def total(self) -> float:
        """Never below `seeds` or `clips`, which the true total is not below either."""
        return max(self.seeds + self.clips - self.residual, self.seeds, self.clips)

    def projected(self, num_seeds: int, num_clips: int | None) -> CrossedVariance:
        """What other numbers of seeds and clips would leave."""
        by_seeds = self.num_seeds / num_seeds
        by_clips = 1.0 if self.num_clips is None else self.num_clips / (num_clips or 1)
        residual = self.residual * by_seeds * by_clips
        return CrossedVariance(
            seeds=self.seed_part * by_seeds + residual,
            clips=self.clip_part * by_clips + residual,
            residual=residual,
            num_seeds=num_seeds,
            num_clips=num_clips,
        )


def variance_over_seeds(values: Floats) -> CrossedVariance:
    """Of the mean of values (S,), S > 1."""
    return CrossedVariance(float(values.var(ddof=1)) / len(values), 0.0, 0.0, len(values), None)


def variance_over_seeds_and_clips(differences: Floats) -> CrossedVariance:
    """Of the mean of differences (S, C), S > 1 and C > 1."""
    num_seeds, num_clips = differences.shape
    by_seed, by_clip = differences.mean(axis=1), differences.mean(axis=0)
    rest = differences - by_seed[:, None] - by_clip + by_seed.mean()
    degrees = (num_seeds - 1) * (num_clips - 1)
    return CrossedVariance(
        seeds=float(by_seed.var(ddof=1)) / num_seeds,
        clips=float(by_clip.var(ddof=1)) / num_clips,
        residual=float(np.vdot(rest, rest)) / degrees / differences.size,
        num_seeds=num_seeds,
        num_clips=num_clips,
    )

"""Made-up studies whose truth is known: hits of variants x seeds x clips from a probit model.

A clip is hit where accuracy quantile + latent effects > 0. All effects are normal and their
variances add up to 1, so that the expected accuracy of a variant is exactly the one asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from orchestrator.stats.effects import Effect, contrast
from orchestrator.stats.racing import SeedRace
from orchestrator.stats.samples import Sample
from orchestrator.stats.verdicts import Judgement, judge


@dataclass(frozen=True)
class World:
    """Latent variances; what is left to 1 is noise of one seed on one clip."""

    clip: float = 0.6
    """How hard a clip is for all variants."""
    taste: float = 0.0
    """Which clips suit a variant, with whatever seed."""
    luck: float = 0.0
    """How well a seed of a variant turned out, on all clips."""


WORLDS = {
    "noise": World(),
    "seeds": World(luck=0.008),
    "clips": World(taste=0.1),
    "both": World(taste=0.03, luck=0.004),
    "seeds, few clips": World(clip=0.9, taste=0.02, luck=0.008),
}


def hits(
    world: World, accuracies: list[float], num_seeds: int, num_clips: int, rng: np.random.Generator
) -> np.ndarray:
    """(V, S, C) of 0 and 100; accuracies in percent."""
    shape = (len(accuracies), num_seeds, num_clips)
    noise = 1 - world.clip - world.taste - world.luck
    parts = [
        (world.clip, (1, 1, num_clips)),
        (world.taste, (shape[0], 1, num_clips)),
        (world.luck, (shape[0], num_seeds, 1)),
        (noise, shape),
    ]
    latent = sum(np.sqrt(variance) * rng.standard_normal(size) for variance, size in parts)
    quantiles = stats.norm.ppf(np.array(accuracies) / 100)
    return np.where(quantiles[:, None, None] + latent > 0, 100.0, 0.0)


def sampled(clips: np.ndarray, num_seeds: int | None = None) -> Sample:
    """A sample of the first seeds of hits (S, C)."""
    chosen = clips[:num_seeds]
    return Sample(tuple(range(len(chosen))), chosen.mean(axis=1), chosen)


def differences(clips: np.ndarray, num_seeds: int | None = None) -> list[Effect]:
    """Of every variant of hits (V, S, C) to the first."""
    baseline, *others = (sampled(variant, num_seeds) for variant in clips)
    effects = [contrast([(1.0, other), (-1.0, baseline)]) for other in others]
    return [effect for effect in effects if effect is not None]


def raced(clips: np.ndarray, race: SeedRace, margin: float | None = 1.0) -> list[Judgement]:
    """Seeds of hits (V, S, C) are looked at one by one, as long as a variant is open."""
    effects = differences(clips, race.first)
    judgements = judge(effects, margin, race=race)
    for num_seeds in range(race.first + 1, race.last + 1):
        places = [place for place, judgement in enumerate(judgements) if judgement.is_open]
        if not places:
            break
        latest = differences(clips[[0, *(place + 1 for place in places)]], num_seeds)
        for place, effect in zip(places, latest, strict=True):
            effects[place] = effect
        judgements = judge(effects, margin, race=race)
    return judgements


def num_trainings(judgements: list[Judgement]) -> int:
    """Of the variants, and of the baseline that each seed of theirs needs."""
    seeds = [judgement.effect.num_seeds for judgement in judgements]
    return sum(seeds) + max(seeds)

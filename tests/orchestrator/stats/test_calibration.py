"""Made-up studies whose truth is known are judged about as wrongly as stated, not more.

`tests/benchmarks/bench_intervals.py` and `bench_verdicts.py` do this over more worlds.
"""

import numpy as np
import pytest
from scipy import stats

from orchestrator.stats.racing import SeedRace
from orchestrator.stats.verdicts import Verdict, judge
from tests.orchestrator.stats.simulated import WORLDS, differences, hits, raced

STUDIES = 150
MOST = stats.binom.isf(0.001, STUDIES, 0.05) / STUDIES
"""What a share of 5 % exceeds in one of a thousand tests."""
SETTINGS = [("noise", 3, 150), ("seeds", 3, 1000), ("clips", 5, 150), ("both", 10, 150)]


def studies(world: str, gain: float, num_seeds: int, num_clips: int, num_variants: int = 4):
    for number in range(STUDIES):
        rng = np.random.default_rng([number, num_seeds, num_clips])
        accuracies = [90.0] + [90.0 + gain] * num_variants
        yield hits(WORLDS[world], accuracies, num_seeds, num_clips, rng)


@pytest.mark.parametrize(("world", "num_seeds", "num_clips"), SETTINGS)
def test_studies_without_an_effect_seldom_find_one(world, num_seeds, num_clips):
    judged = [judge(differences(s), 1.0) for s in studies(world, 0.0, num_seeds, num_clips)]

    wrong = [any(j.verdict in {Verdict.BETTER, Verdict.WORSE} for j in study) for study in judged]

    assert np.mean(wrong) <= MOST


@pytest.mark.parametrize(("world", "num_seeds", "num_clips"), SETTINGS)
def test_effects_as_large_as_the_margin_are_seldom_called_equivalent(world, num_seeds, num_clips):
    judged = [judge(differences(s), 3.0) for s in studies(world, 3.0, num_seeds, num_clips)]

    wrong = [any(j.verdict is Verdict.EQUIVALENT for j in study) for study in judged]

    assert np.mean(wrong) <= MOST


@pytest.mark.parametrize(("world", "num_seeds", "num_clips"), SETTINGS)
def test_the_interval_covers_the_true_effect(world, num_seeds, num_clips):
    drawn = studies(world, 3.0, num_seeds, num_clips, num_variants=1)

    effects = [differences(study)[0] for study in drawn]

    assert np.mean([not e.low <= 3.0 <= e.high for e in effects]) <= MOST


@pytest.mark.parametrize("world", ["seeds", "both"])
def test_races_without_an_effect_seldom_find_one(world):
    race = SeedRace(3, 6)
    judged = [raced(study, race) for study in studies(world, 0.0, race.last, 150)]

    wrong = [any(j.verdict in {Verdict.BETTER, Verdict.WORSE} for j in study) for study in judged]

    assert np.mean(wrong) <= MOST


def test_races_of_large_effects_end_early_and_find_them():
    race = SeedRace(3, 10)
    clips = hits(WORLDS["both"], [90.0, 90.0, 97.0], 10, 1000, np.random.default_rng(0))

    none, large = raced(clips, race)

    assert large.verdict is Verdict.BETTER
    assert large.effect.num_seeds < none.effect.num_seeds

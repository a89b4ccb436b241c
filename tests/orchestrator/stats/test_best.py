import numpy as np
import pytest

from orchestrator.stats.best import contenders
from orchestrator.stats.racing import SeedRace
from orchestrator.stats.samples import Sample


def sample(mean: float, seeds: int = 4) -> Sample:
    spread = np.array([-0.3, 0.3, 0.1, -0.1])[:seeds] * (1 + mean / 100)
    return Sample(tuple(range(seeds)), mean + spread)


def mirrored(mean: float) -> Sample:
    return Sample((0, 1, 2, 3), 2 * mean - sample(mean).values)


SAMPLES = {"good": sample(90.0), "as good": mirrored(90.0), "bad": sample(80.0)}


def test_those_that_a_rival_beats_are_left_out():
    assert contenders(SAMPLES) == {"good", "as good"}


def test_of_a_loss_the_lowest_are_kept():
    assert contenders(SAMPLES, mode="min") == {"bad"}


def test_what_has_one_seed_neither_beats_nor_is_beaten():
    samples = {"high": sample(99.0, seeds=1), "good": sample(90.0), "low": sample(1.0, seeds=1)}

    assert contenders(samples) == {"good"}


def test_in_a_race_a_look_before_the_first_beats_nobody():
    assert contenders(SAMPLES, race=SeedRace(5, 8)) == SAMPLES.keys()


def test_there_are_no_contenders_without_samples():
    assert contenders({}) == frozenset()


@pytest.mark.parametrize("num_variants", [2, 5])
def test_the_best_is_among_them_as_often_as_is_said(num_variants):
    rng, alpha, misses, rounds = np.random.default_rng(7), 0.2, 0, 150
    for _ in range(rounds):
        values = rng.normal(0, 1, (num_variants, 4))
        samples = {str(n): Sample((0, 1, 2, 3), row) for n, row in enumerate(values)}
        misses += "0" not in contenders(samples, alpha=alpha)

    assert misses / rounds <= alpha + 3 * (alpha * (1 - alpha) / rounds) ** 0.5

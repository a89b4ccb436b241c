import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from orchestrator.stats.crossed import CrossedVariance
from orchestrator.stats.effects import Effect
from orchestrator.stats.outlook import Bar, chance_of_race, clips_needed, seeds_needed
from orchestrator.stats.racing import SeedRace


def effect(
    estimate: float, *, seeds: float = 0.0, clips: float = 0.0, n: int = 3, num_clips: int = 200
) -> Effect:
    """With a seed part and a clip part of the variance at n seeds."""
    variance = CrossedVariance(seeds, clips, 0.0, n, num_clips if clips else None)
    resolution = 100 / num_clips if clips else None
    return Effect(estimate, n, variance.num_clips, variance, resolution, None)


@pytest.mark.parametrize("size", [0.5, 0.8, 1.5])
def test_seeds_for_a_difference_are_those_of_the_paired_t_test(size):
    deviation = 2.0

    needed = seeds_needed(effect(size * deviation, seeds=deviation**2 / 3), Bar(0.05, 0.05, None))

    wanted = TTestPower().solve_power(effect_size=size, power=0.8, alpha=0.05)
    assert abs(needed - np.ceil(wanted)) <= 2


def test_a_small_effect_is_settled_sooner_as_equivalence():
    small = effect(0.1, seeds=1.0)

    assert seeds_needed(small, Bar(0.05, 0.05, margin=1.0)) < 60
    assert seeds_needed(small, Bar(0.05, 0.05, margin=None)) is None


def test_stricter_error_rates_take_more_seeds():
    usual, strict = (
        seeds_needed(effect(2.0, seeds=1.0), Bar(alpha, alpha, None)) for alpha in (0.05, 0.005)
    )

    assert usual < strict


def test_where_clips_decide_more_of_them_are_needed_and_no_more_seeds():
    stuck = effect(1.0, seeds=0.01, clips=0.36)
    bar = Bar(0.05, 0.05, None)

    assert seeds_needed(stuck, bar) is None
    # 2.8 standard errors of 0.6 points shrink to 1 point with (2.8 * 0.6)^2 times the clips
    assert clips_needed(stuck, bar) == pytest.approx(200 * (2.8 * 0.6) ** 2, rel=0.15)


def test_where_seeds_decide_more_clips_are_no_way_out():
    stuck = effect(0.1, seeds=4.0, clips=1e-6)

    assert clips_needed(stuck, Bar(0.05, 0.05, None)) is None


def test_before_the_first_look_of_a_race_at_least_its_seeds_are_needed():
    bar = Bar(0.05, 0.05, None, SeedRace(4, 10))

    assert seeds_needed(effect(50.0, seeds=0.1, n=2), bar) == 4


def test_a_race_whose_clips_cannot_tell_has_no_chance():
    bar = Bar(0.05, 0.05, 1.0, SeedRace(3, 10))

    assert chance_of_race(effect(0.5, seeds=0.001, clips=1.0), bar) < 0.01
    assert chance_of_race(effect(5.0, seeds=0.001, clips=1.0), bar) > 0.99


def test_a_race_that_seeds_decide_has_a_chance():
    bar = Bar(0.05, 0.05, 1.0, SeedRace(3, 10))

    assert 0.1 < chance_of_race(effect(1.5, seeds=1.0), bar) < 0.9

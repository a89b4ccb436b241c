import numpy as np
import pytest
from scipy import stats

from orchestrator.stats.racing import SeedRace

RACE = SeedRace(3, 8)


def smallest_p_values(alternative: str, num_studies: int = 20_000) -> np.ndarray:
    """Of studies without an effect that look after each of 3 to 8 seeds; other draws than ours."""
    differences = np.random.default_rng(7).standard_normal((8, num_studies))
    looks = [
        stats.ttest_1samp(differences[:n], 0, alternative=alternative).pvalue for n in range(3, 9)
    ]
    return np.min(np.array(looks) / np.array(weights())[:, None], axis=0)


def weights() -> list[float]:
    return [RACE.weight(num_seeds) for num_seeds in range(3, 9)]


def test_the_whole_error_rate_is_spent():
    assert sum(weights()) == pytest.approx(1.0)
    assert weights()[0] == (3 / 8) ** 3


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_looking_after_each_seed_errs_as_often_as_stated(alpha):
    ratios = smallest_p_values("two-sided")

    allowed = RACE.level(alpha, 8) / RACE.weight(8)

    assert np.mean(ratios <= allowed) == pytest.approx(alpha, rel=0.15)


def test_looking_at_one_side_errs_as_often_as_stated():
    ratios = smallest_p_values("greater")

    allowed = RACE.one_sided_level(0.05, 8) / RACE.weight(8)

    assert np.mean(ratios <= allowed) == pytest.approx(0.05, rel=0.15)


def test_p_values_that_are_not_corrected_err_far_more_often():
    differences = np.random.default_rng(7).standard_normal((8, 20_000))

    looks = [stats.ttest_1samp(differences[:n], 0).pvalue <= 0.05 for n in range(3, 9)]

    assert np.mean(np.any(looks, axis=0)) > 0.1


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.001])
@pytest.mark.parametrize("num_seeds", [3, 5, 8])
def test_the_level_is_the_largest_p_value_that_still_counts(alpha, num_seeds):
    level = RACE.level(alpha, num_seeds)

    assert RACE.p_value(level, num_seeds) <= alpha
    assert RACE.p_value(level * 1.05, num_seeds) > alpha


def test_a_race_without_a_second_look_costs_nothing():
    assert SeedRace(5, 5).p_value(0.04, 5) == pytest.approx(0.04, rel=0.03)


def test_no_p_value_is_worth_less_than_bonferroni_makes_of_it():
    for num_seeds in range(3, 9):
        assert RACE.p_value(1e-7, num_seeds) <= 1e-7 / RACE.weight(num_seeds)


def test_before_the_first_look_nothing_is_decided():
    assert RACE.p_value(1e-9, 2) == 1.0
    assert RACE.level(0.05, 2) == 0.0


def test_a_race_is_over_after_its_last_seed():
    with pytest.raises(ValueError, match="the race ends after 8 seeds, got 9"):
        RACE.p_value(0.01, 9)


@pytest.mark.parametrize(("first", "last"), [(1, 5), (6, 5)])
def test_a_race_that_cannot_be_run_is_refused(first, last):
    with pytest.raises(ValueError, match="2 <= first <= last"):
        SeedRace(first, last)

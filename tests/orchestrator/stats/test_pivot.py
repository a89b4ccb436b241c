import numpy as np
import pytest
from scipy import stats

from orchestrator.stats.crossed import CrossedVariance
from orchestrator.stats.pivot import Pivot

TAILS = [0.3, 0.025, 0.001, 0.00005]


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("num_seeds", [2, 3, 5, 12])
def test_where_clips_add_nothing_the_error_is_students_t(num_seeds, tail):
    by_seeds = Pivot(CrossedVariance(4.0, 0.0, 0.0, num_seeds, None))
    by_both = Pivot(CrossedVariance(4.0, 1e-12, 0.0, num_seeds, 400))

    wanted = 2 * stats.t.isf(tail, num_seeds - 1)
    assert by_seeds.quantile(tail) == pytest.approx(wanted)
    assert by_both.quantile(tail) == pytest.approx(wanted, rel=1e-2)


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("num_clips", [8, 150, 5000])
def test_where_seeds_add_nothing_the_clips_decide(num_clips, tail):
    pivot = Pivot(CrossedVariance(1e-12, 4.0, 0.0, 3, num_clips))

    assert pivot.quantile(tail) == pytest.approx(2 * stats.t.isf(tail, num_clips - 1), rel=1e-2)


def test_between_them_it_is_the_behrens_fisher_distribution():
    rng = np.random.default_rng(0)
    draws = stats.t.rvs(2, size=10**6, random_state=rng) + stats.t.rvs(
        199, size=10**6, random_state=rng
    )

    pivot = Pivot(CrossedVariance(1.0, 1.0, 0.0, 3, 200))

    assert pivot.quantile(0.025) == pytest.approx(np.quantile(draws, 0.975), rel=0.02)


@pytest.mark.parametrize("tail", TAILS)
def test_tail_and_quantile_are_inverse(tail):
    pivot = Pivot(CrossedVariance(1.0, 0.7, 0.4, 3, 150), floor=0.6)

    assert pivot.tail(pivot.quantile(tail)) == pytest.approx(tail, rel=1e-4)


def test_the_floor_is_the_least_error_that_is_believed():
    pivot = Pivot(CrossedVariance(0.0, 0.0, 0.0, 3, 150), floor=0.5)

    assert pivot.quantile(0.025) == pytest.approx(0.5 * stats.norm.isf(0.025))

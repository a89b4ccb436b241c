import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from orchestrator.stats.paired import Difference, paired_difference


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_is_that_of_the_paired_t_test(n, confidence):
    rng = np.random.default_rng(n)
    ours, baseline = rng.normal(82, 3, n), rng.normal(80, 3, n)

    difference = paired_difference(dict(enumerate(ours)), dict(enumerate(baseline)), confidence)

    expected = stats.ttest_rel(ours, baseline).confidence_interval(confidence)
    assert (difference.low, difference.high) == pytest.approx((expected.low, expected.high))
    assert difference.mean == pytest.approx((ours - baseline).mean())
    assert difference.n == n


def test_only_seeds_that_both_have_are_compared():
    difference = paired_difference({0: 10.0, 1: 20.0, 5: 99.0}, {1: 15.0, 0: 8.0, 7: 0.0})

    assert (difference.mean, difference.n) == (3.5, 2)


def test_there_is_no_difference_without_a_common_seed():
    assert paired_difference({0: 1.0}, {1: 2.0}) is None


def test_one_seed_has_a_difference_without_an_interval():
    difference = paired_difference({0: 3.0}, {0: 1.0})

    assert difference == Difference(2.0, None, None, 1)
    assert not difference.is_clear


def test_equal_differences_have_no_interval():
    difference = paired_difference({0: 3.0, 1: 5.0}, {0: 1.0, 1: 3.0})

    assert difference == Difference(2.0, None, None, 2)


def test_differences_that_are_equal_but_for_rounding_have_no_interval():
    ours = {seed: 100 * hits / 24 for seed, hits in enumerate([17, 19, 20])}
    baseline = {seed: 100 * hits / 24 for seed, hits in enumerate([16, 18, 19])}

    difference = paired_difference(ours, baseline)

    assert (difference.low, difference.high) == (None, None)


@pytest.mark.parametrize(
    ("low", "high", "is_clear"),
    [(0.1, 2.0, True), (-2.0, -0.1, True), (-0.1, 2.0, False), (0.0, 2.0, False)],
)
def test_a_difference_is_clear_where_its_interval_leaves_out_zero(low, high, is_clear):
    assert Difference(1.0, low, high, 3).is_clear is is_clear


@given(st.dictionaries(st.integers(0, 9), st.tuples(st.floats(0, 100), st.floats(0, 100))))
def test_swapping_the_two_turns_the_sign_round(scores):
    ours = {seed: pair[0] for seed, pair in scores.items()}
    baseline = {seed: pair[1] for seed, pair in scores.items()}

    there, back = paired_difference(ours, baseline), paired_difference(baseline, ours)

    if there is None:
        assert back is None
        return
    assert there.mean == pytest.approx(-back.mean)
    if there.low is not None:
        assert there.low == pytest.approx(-back.high, abs=1e-9)

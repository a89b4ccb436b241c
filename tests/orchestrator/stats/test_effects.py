import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from orchestrator.stats.effects import Effect, contrast
from orchestrator.stats.samples import Sample
from tests.orchestrator.stats.simulated import WORLDS, hits, sampled

VALUES = st.lists(st.floats(0, 100), min_size=4, max_size=4)


def valued(*values: float) -> Sample:
    return Sample(tuple(range(len(values))), np.array(values))


def difference(ours: Sample, baseline: Sample, confidence: float = 0.95) -> Effect:
    effect = contrast([(1.0, ours), (-1.0, baseline)], confidence=confidence)
    assert effect is not None
    return effect


def made_up(num_seeds: int, num_clips: int, seed: int = 0) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [
        sampled(variant) for variant in hits(WORLDS["both"], [90, 93], num_seeds, num_clips, rng)
    ]


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_without_clips_it_is_the_paired_t_test(confidence):
    ours, baseline = np.array([84.0, 83, 88]), np.array([80.0, 82, 81])

    effect = difference(valued(*ours), valued(*baseline), confidence)

    wanted = stats.ttest_rel(ours, baseline)
    interval = wanted.confidence_interval(confidence)
    assert (effect.low, effect.high) == pytest.approx((interval.low, interval.high))
    assert effect.p_value == pytest.approx(wanted.pvalue)
    assert (effect.estimate, effect.num_seeds) == (pytest.approx(4.0), 3)


def test_with_clips_the_interval_is_wider_where_clips_differ_between_variants():
    baseline = np.zeros((3, 10))
    ours = np.zeros((3, 10))
    ours[:, :2] = 100.0
    ours[0, 2] = 100.0

    with_clips = difference(sampled(ours), sampled(baseline))
    without = difference(valued(*ours.mean(axis=1)), valued(*baseline.mean(axis=1)))

    assert with_clips.estimate == without.estimate
    assert with_clips.high - with_clips.low > without.high - without.low
    assert with_clips.variance.clip_part > with_clips.variance.seed_part


def test_seeds_are_paired_by_their_number_not_by_their_place():
    ours = Sample((5, 1, 0), np.array([99.0, 20.0, 10.0]))
    baseline = Sample((0, 1, 7), np.array([8.0, 15.0, 0.0]))

    effect = difference(ours, baseline)

    assert (effect.estimate, effect.num_seeds) == (3.5, 2)


def test_there_is_no_effect_without_a_common_seed():
    assert contrast([(1.0, Sample((0,), np.ones(1))), (-1.0, Sample((1,), np.ones(1)))]) is None


def test_one_seed_has_an_estimate_and_nothing_else():
    effect = difference(*made_up(1, 40))

    assert (effect.low, effect.high, effect.p_value, effect.effect_size) == (None,) * 4


def test_equal_differences_without_clips_show_no_spread_to_judge_by():
    effect = difference(valued(3.0, 5.0), valued(1.0, 3.0))

    assert (effect.estimate, effect.low, effect.p_value) == (2.0, None, None)


def test_identical_predictions_are_an_effect_of_zero_known_to_about_two_clips():
    ours = made_up(3, 200)[0]

    effect = difference(ours, ours)

    assert (effect.estimate, effect.p_value) == (0.0, pytest.approx(1.0))
    assert effect.high == pytest.approx(1.96 * 100 / 200, rel=1e-3)


def test_a_single_clip_shows_nothing_below_its_own_worth():
    always, never = np.full((4, 1), 100.0), np.zeros((4, 1))

    effect = difference(sampled(always), sampled(never))

    assert (effect.estimate, effect.p_value) == (100.0, None)
    never[0] = 100.0
    assert difference(sampled(always), sampled(never)).low < 0


def test_two_variants_that_are_always_wrong_show_nothing():
    wrong = sampled(np.zeros((3, 20)))

    assert (difference(wrong, wrong).estimate, difference(wrong, wrong).p_value) == (0.0, None)


def test_variants_judged_by_different_clips_are_refused():
    with pytest.raises(ValueError, match=r"same clips, got \[40, 50\] clips"):
        difference(made_up(3, 40)[0], made_up(3, 50)[1])


def test_a_difference_smaller_than_one_clip_is_below_the_resolution():
    ours, baseline = np.zeros((2, 10)), np.zeros((2, 10))
    ours[0, 0] = 100.0

    assert difference(sampled(ours), sampled(baseline)).is_below_resolution
    ours[1, 1] = 100.0
    assert not difference(sampled(ours), sampled(baseline)).is_below_resolution


def test_hedges_g_is_the_mean_over_the_deviation_made_smaller_for_few_seeds():
    effect = difference(valued(1.0, 2.0, 3.0), valued(0.0, 0.0, 0.0))

    gamma_ratio = 1 / (np.sqrt(2 / 2) * np.sqrt(np.pi))  # gamma(1) / (sqrt(2/2) gamma(1/2))
    assert effect.effect_size == pytest.approx(2.0 * gamma_ratio)


def test_an_interaction_is_a_difference_of_differences():
    cells = [valued(9.0, 8.0), valued(5.0, 6.0), valued(7.0, 9.0), valued(1.0, 0.0)]

    effect = contrast(list(zip((1.0, -1.0, -1.0, 1.0), cells, strict=True)))

    assert effect.estimate == pytest.approx(((9 - 5 - 7 + 1) + (8 - 6 - 9 + 0)) / 2)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 6), st.integers(2, 60), st.integers(0, 100))
def test_turning_the_difference_round_turns_the_interval_round(num_seeds, num_clips, seed):
    ours, baseline = made_up(num_seeds, num_clips, seed)

    there, back = difference(ours, baseline), difference(baseline, ours)

    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-6)
    assert there.p_value == pytest.approx(back.p_value)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 6), st.integers(2, 60), st.integers(0, 100))
def test_the_interval_leaves_out_zero_where_the_test_says_so(num_seeds, num_clips, seed):
    effect = difference(*made_up(num_seeds, num_clips, seed))

    assert (effect.low > 0 or effect.high < 0) == (effect.p_value < 0.05)


@settings(deadline=None, max_examples=30)
@given(VALUES, VALUES)
def test_the_two_one_sided_p_values_add_up_to_one(ours, baseline):
    effect = difference(valued(*ours), valued(*baseline))

    if effect.variance is not None:
        assert effect.p_above(1.0) + effect.p_below(1.0) == pytest.approx(1.0)

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from orchestrator.promotion.gate import Verdict, decide, gain_of
from tests.orchestrator.promotion.made_up import hitting


def test_the_first_version_becomes_the_champion():
    assert decide(hitting(50), None).verdict is Verdict.FIRST


def test_a_candidate_that_is_shown_to_be_better_passes():
    decision = decide(hitting(90, 91, 89), hitting(60, 61, 59))

    assert decision.verdict is Verdict.BETTER
    assert (decision.candidate, decision.champion) == (90.0, 60.0)


@pytest.mark.parametrize("right", [[61, 62, 60], [60, 61, 59], [30, 31, 29]])
def test_a_candidate_that_is_not_shown_to_be_better_does_not_pass(right):
    decision = decide(hitting(*right), hitting(60, 61, 59))

    assert decision.verdict is Verdict.NOT_SHOWN
    assert decision.verdict.is_refusal


def test_an_equal_model_does_not_pass():
    assert decide(hitting(60), hitting(60)).verdict is Verdict.NOT_SHOWN


def test_a_minimal_gain_takes_the_place_of_the_interval():
    assert decide(hitting(62), hitting(60), min_gain=2).verdict is Verdict.BETTER
    assert decide(hitting(62), hitting(60), min_gain=3).verdict is Verdict.NOT_SHOWN
    assert decide(hitting(90), hitting(60), min_gain=31).verdict is Verdict.NOT_SHOWN


def test_what_the_user_forces_is_called_forced_only_where_it_had_to_be():
    assert decide(hitting(30), hitting(60), is_forced=True).verdict is Verdict.FORCED
    assert decide(hitting(95), hitting(60), is_forced=True).verdict is Verdict.BETTER


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data_digest": "other"}, "another preparation of the data"),
        ({"protocol": "xview"}, "tested on xview"),
        ({"clips": np.array([f"take{n}" for n in range(100)])}, "other clips"),
        ({"labels": np.arange(100)[::-1] % 4}, "other clips"),
    ],
)
def test_models_that_were_tested_on_other_clips_are_not_compared(changes, reason):
    decision = decide(hitting(90), hitting(60, **changes))

    assert decision.verdict is Verdict.INCOMPARABLE
    assert reason in decision.reason
    assert decision.gain is None


def test_one_seed_each_is_compared_over_clips_by_students_interval():
    gain = gain_of(hitting(90), hitting(60))

    paired = stats.ttest_1samp(np.repeat([100.0, 0.0], [30, 70]), 0).confidence_interval(0.95)
    assert (gain.low, gain.high) == pytest.approx((paired.low, paired.high))
    assert gain.over == "100 clips, seeds taken as they are"


def test_seeds_in_common_are_part_of_the_interval():
    steady = gain_of(hitting(80, 80, 80), hitting(60, 60, 60))
    restless = gain_of(hitting(60, 80, 100), hitting(60, 60, 60))

    assert steady.points == pytest.approx(restless.points) == pytest.approx(20)
    assert restless.high - restless.low > 2 * (steady.high - steady.low)
    assert "3 seeds and 100 clips" in str(steady)


def test_seeds_that_nobody_shares_are_taken_as_they_are():
    gain = gain_of(hitting(80, 80), hitting(60, 60, first_seed=5))

    assert gain.over == "100 clips, seeds taken as they are"
    assert gain.points == pytest.approx(20)

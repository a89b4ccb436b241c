import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from orchestrator.stats.crossed import CrossedVariance
from orchestrator.stats.effects import Effect
from orchestrator.stats.racing import SeedRace
from orchestrator.stats.verdicts import Verdict, judge


def effect(estimate: float, error: float = 0.2, n: int = 5) -> Effect:
    return Effect(estimate, n, None, CrossedVariance(error**2, 0, 0, n, None), None, None)


def verdicts(*effects: Effect, margin: float | None = 1.0, mode: str = "max") -> list[Verdict]:
    return [judgement.verdict for judgement in judge(effects, margin, mode=mode)]


ONE_SEED = Effect(3.0, 1, 200, None, 0.5, None)


def test_a_clear_gain_is_better_and_a_clear_loss_worse():
    assert verdicts(effect(3.0), effect(-3.0)) == [Verdict.BETTER, Verdict.WORSE]


def test_for_a_loss_less_is_better():
    assert verdicts(effect(3.0), effect(-3.0), mode="min") == [Verdict.WORSE, Verdict.BETTER]


def test_a_difference_held_within_the_margin_is_equivalence():
    assert verdicts(effect(0.1)) == [Verdict.EQUIVALENT]
    assert verdicts(effect(0.1), margin=None) == [Verdict.INCONCLUSIVE]


def test_equivalence_takes_a_90_percent_interval_within_the_margin():
    edge = 1.0 - 0.2 * stats.t.isf(0.05, 4)

    assert judge([effect(0.0, 0.2), effect(edge)], 1.0)[1].equivalence_p_value == pytest.approx(
        0.05
    )


def test_a_shown_difference_smaller_than_the_margin_says_so():
    (judgement,) = judge([effect(0.5, 0.05)], 1.0)

    assert judgement.verdict is Verdict.BETTER
    assert judgement.is_within_margin


def test_what_is_neither_shown_nor_ruled_out_is_inconclusive():
    (judgement,) = judge([effect(0.8, 0.5)], 1.0)

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.more_seeds > 1
    assert judgement.clips_needed is None


@pytest.mark.parametrize("race", [None, SeedRace(3, 10)])
def test_p_values_are_adjusted_by_holm_for_the_whole_study(race):
    effects = [effect(estimate) for estimate in (0.5, 3.0, 0.8, -0.6, 0.1)]
    raw = [e.p_value if race is None else race.p_value(e.p_value, 5) for e in effects]

    adjusted = [judgement.p_value for judgement in judge(effects, 1.0, race=race)]

    assert adjusted == pytest.approx(multipletests(raw, method="holm")[1])


def test_an_effect_without_a_p_value_counts_as_one_of_the_study():
    alone, beside = judge([effect(3.0)], 1.0), judge([effect(3.0), ONE_SEED], 1.0)

    assert beside[0].p_value == pytest.approx(2 * alone[0].p_value)
    assert (beside[1].verdict, beside[1].p_value) == (Verdict.INCONCLUSIVE, None)
    assert (beside[1].interval, beside[1].more_seeds, beside[1].clips_needed) == (None, None, None)


def test_a_study_without_effects_has_no_verdicts():
    assert judge([], 1.0) == []


def test_a_margin_must_be_positive():
    with pytest.raises(ValueError, match="margin must be positive, got 0"):
        judge([effect(1.0)], 0.0)


def test_a_race_asks_for_more_than_one_look_does():
    found = effect(0.9, 0.2, n=5)

    (fixed,), (raced,) = judge([found], None), judge([found], None, race=SeedRace(3, 10))

    assert (fixed.verdict, raced.verdict) == (Verdict.BETTER, Verdict.INCONCLUSIVE)
    assert raced.interval[0] < 0 < fixed.interval[0]


@pytest.mark.parametrize("estimate", np.linspace(0.5, 2.5, 9))
def test_a_race_has_an_interval_that_agrees_with_its_verdict(estimate):
    (judgement,) = judge([effect(estimate)], None, race=SeedRace(3, 10))

    assert (judgement.interval[0] > 0) == (judgement.verdict is Verdict.BETTER)


@pytest.mark.parametrize(
    ("found", "is_open"),
    [
        (effect(9.0), False),
        (effect(0.8, 0.5), True),
        (effect(0.8, 0.5, n=10), False),
        (effect(9.0, n=2), True),
        (ONE_SEED, True),
    ],
    ids=["settled", "unsettled", "after the last seed", "before the first look", "one seed"],
)
def test_a_race_goes_on_where_a_seed_may_help(found, is_open):
    assert judge([found], 1.0, race=SeedRace(3, 10))[0].is_open is is_open


def test_a_race_is_given_up_where_the_clips_are_too_few():
    variance = CrossedVariance(0.01, 1.0, 0.0, 5, 100)
    stuck = Effect(0.3, 5, 100, variance, 1.0, None)

    (judgement,) = judge([stuck], 1.0, race=SeedRace(3, 10))

    assert not judgement.is_open
    assert judgement.clips_needed > 100


def test_a_settled_variant_stays_settled_while_others_get_seeds():
    race, settled = SeedRace(3, 10), effect(2.0, 0.1, n=4)
    others = [[effect(0.8, 0.5, n=n), effect(1.2, 0.6, n=n)] for n in range(4, 11)]

    found = [judge([settled, *more], 1.0, race=race)[0].verdict for more in others]

    assert set(found) == {Verdict.BETTER}

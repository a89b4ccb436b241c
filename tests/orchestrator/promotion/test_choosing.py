from __future__ import annotations

import numpy as np
import pytest

from orchestrator.choice import By, Candidate, ranked
from orchestrator.engine.errors import SkelTuneError
from orchestrator.promotion.choosing import (
    NothingToPromoteError,
    Scoring,
    choice_table,
    chosen,
    front_runners,
)
from orchestrator.records import Role
from orchestrator.spec import Objective
from orchestrator.stats.samples import Sample
from tests.orchestrator.made_up import TOP1, make_plan, make_record

MACS = Objective(metric="macs", mode="min")


def candidate(name: str, *values: float, mode: str = "max") -> Candidate:
    return Candidate(name, {"": {}}, Sample.of_values(dict(enumerate(values))), mode)


STEADY, LUCKY = candidate("steady", 90.0, 90.5, 89.5), candidate("lucky", 99.0, 92.0, 85.0)


def test_the_bound_prefers_what_can_be_relied_on_and_the_mean_what_is_high():
    by_bound = chosen([LUCKY, STEADY], By.LOWER_BOUND, "val/top1")
    by_mean = chosen([LUCKY, STEADY], By.MEAN, "val/top1")

    assert by_bound.winner is STEADY
    assert by_mean.winner is LUCKY
    assert "the best bound of val/top1" in by_bound.why
    assert "the best mean of val/top1, 92.00" in by_mean.why


def test_of_a_loss_the_bound_is_the_upper_end():
    steady, lucky = (candidate(c.variant, *c.sample.values, mode="min") for c in (STEADY, LUCKY))

    assert [c.variant for c in ranked([lucky, steady], By.LOWER_BOUND)] == ["steady", "lucky"]
    assert steady.bound == steady.interval[1]


def test_one_seed_each_is_chosen_by_the_mean_and_says_so():
    choice = chosen([candidate("a", 90.0), candidate("b", 91.0)], By.LOWER_BOUND, "val/top1")

    assert choice.winner.variant == "b"
    assert choice.winner.bound is None
    assert "one seed each gives no bound" in choice.why


def test_what_has_no_bound_comes_after_what_has_one():
    order = ranked([candidate("alone", 99.0), STEADY], By.LOWER_BOUND)

    assert [c.variant for c in order] == ["steady", "alone"]


def test_the_user_may_name_a_variant():
    choice = chosen([LUCKY, STEADY], By.LOWER_BOUND, "val/top1", "lucky")

    assert choice.winner is LUCKY
    assert choice.why == "lucky: named by the user"
    with pytest.raises(SkelTuneError, match="known: steady, lucky"):
        chosen([LUCKY, STEADY], By.LOWER_BOUND, "val/top1", "luckier")


def test_nothing_can_be_chosen_from_nothing():
    with pytest.raises(NothingToPromoteError):
        chosen([], By.MEAN, "val/top1")


def test_the_table_marks_the_winner_and_tells_why():
    table = choice_table(chosen([LUCKY, STEADY], By.LOWER_BOUND, "val/top1"))

    assert [row[0] for row in table.rows] == ["> steady", "  lucky"]
    assert table.rows[0][1:] == ("90.00", "88.76 to 91.24", "3")  # t(0.975, 2) * 0.5 / sqrt(3)
    assert table.notes[0].startswith("Chosen: steady")


def test_no_interval_of_an_accuracy_goes_beyond_100():
    wide = candidate("wide", 70.0, 100.0)

    accuracy = choice_table(chosen([wide], By.MEAN, "val/top1"))
    loss = choice_table(chosen([wide], By.MEAN, "val/loss"))

    assert wide.interval[1] > 100
    assert accuracy.rows[0][2] == "0.00 to 100.00"
    assert loss.rows[0][2] != accuracy.rows[0][2]


def search_trial(name: str, top1: float, macs: int):
    return make_record(make_plan(name, Role.SEARCH), [top1], result={"macs": macs})


def test_weights_count_over_the_ranges_on_the_front():
    scored = Scoring((TOP1, MACS), (3.0, 1.0), (90.0, 100.0), (80.0, 300.0))

    assert scored.of([90.0, 300.0]) == 0.75
    assert scored.of([80.0, 100.0]) == 0.25
    assert scored.of([85.0, 200.0]) == 0.5


def test_runners_of_several_objectives_are_on_the_front_by_their_weights():
    trials = [search_trial("good", 90, 300), search_trial("small", 80, 100)]
    trials += [search_trial("dominated", 79, 300)]

    def order(accuracy: float, size: float) -> list[str]:
        scored = Scoring((TOP1, MACS), (accuracy, size), (90.0, 100.0), (80.0, 300.0))
        return [record.plan.id for record in front_runners(trials, TOP1, scored, 3)]

    assert order(3, 1) == ["good", "small"]
    assert order(1, 3) == ["small", "good"]


def test_runners_of_one_objective_are_the_best_complete_trials():
    trials = [make_record(make_plan(str(value)), [value]) for value in (70.0, 90.0, 80.0)]

    assert [r.plan.id for r in front_runners(trials, TOP1, None, 2)] == ["90.0", "80.0"]


def test_an_interval_over_clips_is_wider_than_over_seeds_alone():
    hits = 100.0 * (np.arange(50) < 45)
    sample = Sample((0, 1), np.array([90.0, 90.0]), np.stack([hits, hits]))

    low, high = Candidate("a", {"": {}}, sample, "max").interval

    assert low < 90.0 - 8 < 90.0 + 8 < high  # two standard errors of 90 % of 50 clips: 8.5

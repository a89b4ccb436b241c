from collections import Counter

import pytest

from orchestrator.cluster.stopping import Halving, Hyperband, MedianRule


def test_a_trial_is_judged_at_rungs_alone():
    rule = Halving(grace=2, factor=3)
    for epoch in range(1, 20):
        rule.judge("good", epoch, 1.0)

    stopped = [epoch for epoch in range(1, 20) if rule.judge("bad", epoch, 0.0)]

    assert stopped == [2, 6, 18]


def test_a_rung_between_two_epochs_is_at_the_later_one():
    rule = Halving(grace=1, factor=1.5)
    for epoch in range(1, 8):
        rule.judge("good", epoch, 1.0)

    stopped = [epoch for epoch in range(1, 8) if rule.judge("bad", epoch, 0.0)]

    assert stopped == [1, 2, 3, 4, 6]  # 1, 1.5, 2.25, 3.375, 5.06


def test_the_best_third_goes_on():
    rule = Halving(grace=1, factor=3)
    for number in range(9):
        rule.judge(str(number), 1, float(number))

    assert rule.judge("above", 1, 6.0) is False
    assert rule.judge("below", 1, 5.0) is True


def test_the_brackets_of_hyperband_get_fewer_trials_the_more_patient_they_are():
    rule = Hyperband(grace=1, factor=3, brackets=3)

    counts = Counter(rule.bracket(f"trial {number}") for number in range(1300))

    assert counts[0] == pytest.approx(900, rel=0.1)
    assert counts[1] == pytest.approx(300, rel=0.2)
    assert counts[2] == pytest.approx(100, rel=0.4)


def test_a_trial_meets_the_rungs_of_its_own_bracket_alone():
    rule = Hyperband(grace=1, factor=3, brackets=2)
    names = [f"trial {number}" for number in range(20)]
    patient = [name for name in names if rule.bracket(name) == 1][:2]

    first = [rule.judge(name, 1, value) for name, value in zip(patient, (9.0, 1.0), strict=True)]
    second = [rule.judge(name, 3, value) for name, value in zip(patient, (9.0, 1.0), strict=True)]

    assert (first, second) == ([False, False], [False, True])


def test_the_best_epoch_is_held_against_the_median_of_the_running_means():
    rule = MedianRule(grace=2, min_trials=3)
    for name, values in {"a": (10, 20), "b": (30, 50), "c": (70, 90)}.items():
        for epoch, value in enumerate(values, start=1):
            rule.judge(name, epoch, value)

    judged = [rule.judge("at the median", e, v) for e, v in ((1, 40), (2, 0))]
    below = [rule.judge("below it", e, v) for e, v in ((1, 14), (2, 29))]

    assert judged == [False, False]  # its best, 40, is not below the median of 15, 40, 80
    assert below == [False, True]  # 29 is below the median of 15, 20, 40, 80


def test_nothing_is_stopped_before_enough_others_came_as_far():
    rule = MedianRule(grace=1, min_trials=2)
    rule.judge("a", 1, 90.0)

    assert rule.judge("b", 1, 1.0) is False
    assert rule.judge("c", 1, 1.0) is True

from orchestrator.causes import Cause
from orchestrator.failures import failure_lines
from orchestrator.records import State, TrialRecord
from tests.orchestrator.made_up import make_plan


def ended(name: str, cause: Cause | None = None, **params: object) -> TrialRecord:
    state = State.COMPLETE if cause is None else State.FAILED
    return TrialRecord(make_plan(name, params=params), state, cause=cause)


def test_what_all_of_a_cause_share_and_no_good_trial_has_is_told():
    records = [ended(f"a{n}", Cause.OUT_OF_MEMORY, batch_size=64, lr=n, bias=1) for n in range(3)]
    records += [ended("good", batch_size=32, lr=9, bias=1)]

    assert failure_lines(records) == ["3 out of memory, all with batch_size=64"]


def test_trials_without_anything_in_common_are_named():
    records = [ended(f"trial {n}", Cause.CRASHED, lr=n) for n in range(5)]

    assert failure_lines(records) == ["5 crashed: trial 0, trial 1, trial 2, ..."]


def test_a_parameter_that_is_there_in_some_of_them_alone_is_not_shared():
    records = [ended("a", Cause.CRASHED, depth=3, lr=1), ended("b", Cause.CRASHED, lr=2)]

    assert failure_lines(records) == ["2 crashed: a, b"]


def test_the_most_frequent_cause_comes_first():
    records = [ended("a", Cause.CRASHED)] + [ended(n, Cause.USER_ERROR) for n in "bc"]

    assert failure_lines(records) == ["2 user error: b, c", "1 crashed: a"]


def test_of_an_earlier_log_the_state_is_told_and_of_open_trials_nothing():
    records = [TrialRecord(make_plan("old"), State.FAILED), TrialRecord(make_plan("open"))]

    assert failure_lines(records) == ["1 failed: old"]

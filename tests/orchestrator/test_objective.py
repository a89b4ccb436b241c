import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.objective import Objective, pareto_front, trials_without_progress, values_of
from orchestrator.records import State, TrialRecord
from tests.orchestrator.made_up import LOSS, TOP1, make_plan, make_record

MACS = Objective(metric="macs", mode="min")
BOTH = [TOP1, MACS]


def trial(name: str, top1: float, macs: int, state=State.COMPLETE, place=0) -> TrialRecord:
    record = make_record(make_plan(name), [top1 - 1, top1], state, result={"macs": macs})
    record.place = place
    return record


def names(records: list[TrialRecord]) -> list[str]:
    return [record.plan.id for record in records]


def test_the_figures_are_those_of_the_best_epoch_and_of_the_result():
    record = make_record(make_plan("a"), [50.0, 70.0, 60.0], result={"macs": 7})
    for epoch, loss in zip(record.epochs, (3.0, 2.0, 1.0), strict=True):
        epoch["val/loss"] = loss

    assert values_of(record, [TOP1, LOSS, MACS]) == [70.0, 2.0, 7.0]


def test_a_trial_that_lacks_a_figure_or_did_not_end_has_no_values():
    assert values_of(make_record(make_plan("a"), [50.0]), BOTH) is None
    assert values_of(trial("a", 50, 7, State.PRUNED), BOTH) is None


def test_the_front_has_what_nothing_beats_in_every_objective():
    records = [
        trial("good and dear", 90, 900),
        trial("as good and dearer", 90, 901),
        trial("fair and fair", 80, 500),
        trial("its twin", 80, 500),
        trial("worse and dearer", 79, 600),
        trial("cheap", 10, 1),
        trial("stopped", 99, 1, State.PRUNED),
    ]

    front = names(pareto_front(records, BOTH))

    assert front == ["good and dear", "fair and fair", "its twin", "cheap"]


def test_with_one_objective_the_front_is_the_best():
    records = [trial("a", 80, 1), trial("b", 90, 2), trial("c", 90, 3)]

    assert names(pareto_front(records, [TOP1])) == ["b", "c"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_what_is_not_on_the_front_is_beaten_by_something_on_it(values):
    records = [trial(str(n), top1, macs) for n, (top1, macs) in enumerate(values)]

    front = {values[int(name)] for name in names(pareto_front(records, BOTH))}

    for top1, macs in set(values) - front:
        assert any(a >= top1 and b <= macs for a, b in front)
    for one in front:
        assert not any(a >= one[0] and b <= one[1] for a, b in front - {one})


@pytest.mark.parametrize(
    ("top1s", "waited"),
    [([], 0), ([50], 0), ([50, 60, 70], 0), ([70, 60, 50], 2), ([50, 70, 70, 60, 80, 60], 2)],
)
def test_progress_is_to_be_better_than_everything_before(top1s, waited):
    records = [trial(str(n), top1, 1, place=n) for n, top1 in enumerate(top1s)]

    assert trials_without_progress(records, [TOP1]) == waited


def test_progress_goes_by_the_order_of_endings_and_counts_stopped_trials_but_not_failed_ones():
    records = [
        trial("last", 10, 1, place=9),
        trial("first", 90, 1, place=1),
        trial("stopped", 95, 1, State.PRUNED, place=3),
        trial("failed", 95, 1, State.FAILED, place=4),
        trial("open", 95, 1, State.RUNNING),
    ]

    assert trials_without_progress(records, [TOP1]) == 2


def test_with_several_objectives_a_new_trade_off_is_progress():
    records = [trial("a", 90, 900, place=1), trial("b", 50, 100, place=2)]

    assert trials_without_progress(records, BOTH) == 0
    assert trials_without_progress(records, [TOP1]) == 1

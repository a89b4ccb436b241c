import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from orchestrator.records import State, TrialRecord
from orchestrator.search.sampling import Proposals
from tests.orchestrator.made_up import make_record
from tests.orchestrator.search.made_up import (
    CONDITIONAL,
    SEARCHES,
    SPACE,
    proposals_of,
    propose,
    search,
    tell,
)

EVERY_SEARCH = pytest.mark.parametrize(("sampler", "space"), SEARCHES, ids=lambda x: x.get("name"))


@pytest.mark.parametrize("sampler", CONDITIONAL, ids=lambda sampler: sampler["name"])
def test_suggestions_lie_in_the_space_and_leave_inactive_paths_out(sampler):
    points = [record.plan.params for record in search(proposals_of(sampler), 20)]

    assert all(0.001 <= point["optimizer.lr"] <= 1 for point in points)
    assert all(point["model.temporal_kernels"] in ([5], [3, 5], [3, 5, 7]) for point in points)
    conditional = [point for point in points if "model.cvsta_ratio" in point]
    assert 0 < len(conditional) < 20
    assert all(("model.cvsta_ratio" in p) == (p["model.name"] == "mdrgcn") for p in points)
    assert {type(point["model.cvsta_ratio"]) for point in conditional} == {int}


def test_the_order_of_a_point_is_that_of_the_file():
    records = search(proposals_of(), 10)

    order = list(SPACE)
    assert all(sorted(r.plan.params, key=order.index) == list(r.plan.params) for r in records)


def test_a_condition_looks_at_the_trial_where_the_path_is_not_searched():
    space = {"model.cvsta_ratio": SPACE["model.cvsta_ratio"], "epochs": {"int": [1, 9]}}

    _, params = proposals_of(space=space).ask(0, 0)

    assert params.keys() == {"model.cvsta_ratio", "epochs"}


@EVERY_SEARCH
def test_one_seed_gives_one_search_and_another_seed_another(sampler, space):
    first, again, other = (search(proposals_of(sampler, space, seed=seed), 6) for seed in (0, 0, 1))

    assert first == again
    assert first != other


@EVERY_SEARCH
@pytest.mark.parametrize("number", [1, 4, 8])
def test_a_replayed_log_gives_the_suggestion_of_the_undisturbed_run(sampler, space, number):
    undisturbed = proposals_of(sampler, space)
    records = search(undisturbed, number)

    restarted = proposals_of(sampler, space)
    restarted.replay(records)

    assert restarted.ask(number, 0)[1] == undisturbed.ask(number, 0)[1]


@EVERY_SEARCH
def test_a_replay_knows_open_trials_and_forgets_the_order_of_endings(sampler, space):
    undisturbed = proposals_of(sampler, space)
    records = search(undisturbed, 6)
    together = [propose(undisturbed, number) for number in (6, 7, 8)]
    for record in (together[2], together[0]):
        tell(undisturbed, record)
    together[1].state, together[1].epochs = State.RUNNING, []

    restarted = proposals_of(sampler, space)
    restarted.replay([*records, *together])

    assert restarted.ask(9, 0)[1] == undisturbed.ask(9, 0)[1]


def run(proposals: Proposals, steps: list[int]) -> list[TrialRecord]:
    """0 starts a trial, other numbers end an open one; the records in the order of planning."""
    records: list[TrialRecord] = []
    open_ones: list[TrialRecord] = []
    for step in steps:
        if step == 0 or not open_ones:
            records.append(propose(proposals, len(records)))
            open_ones.append(records[-1])
        else:
            tell(proposals, open_ones.pop(step % len(open_ones)))
    for record in open_ones:
        record.state, record.epochs = State.RUNNING, []
    return records


CHEAP = [search for search in SEARCHES if search[0]["name"] != "gp"]


@pytest.mark.parametrize(("sampler", "space"), CHEAP, ids=lambda x: x.get("name"))
@given(steps=st.lists(st.integers(0, 3), max_size=24))
@example(steps=[0, 0, 0, 0, 1, 1, 2, 0, 0])
@settings(deadline=None, max_examples=15)
def test_any_history_of_trials_side_by_side_is_replayed_to_the_same_suggestion(
    sampler, space, steps
):
    undisturbed, restarted = proposals_of(sampler, space), proposals_of(sampler, space)
    records = run(undisturbed, steps)

    restarted.replay(records)

    number = len(records)
    assert restarted.ask(number, 0)[1] == undisturbed.ask(number, 0)[1]


def test_a_refused_suggestion_does_not_change_the_following_ones():
    plain, refusing = proposals_of(), proposals_of()
    search(plain, 6)
    search(refusing, 6)

    refusing.refuse(refusing.ask(6, 0)[0])

    assert refusing.ask(6, 1)[1] == plain.ask(6, 1)[1]
    assert refusing.ask(6, 1)[1] != plain.ask(6, 0)[1]


def test_an_open_trial_that_is_replayed_can_be_told_later():
    record = propose(proposals_of(), 0)
    record.state, told = State.INTERRUPTED, record.epochs[:1]
    restarted = proposals_of()
    restarted.replay([make_record(record.plan, [told[0]["val/top1"]], State.INTERRUPTED)])

    restarted.report("t0", 1, 60.0)
    restarted.tell(make_record(record.plan, [10.0, 60.0]))

    trial = restarted.study.trials[0]
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 60.0)
    assert list(trial.intermediate_values) == [0, 1]


@pytest.mark.parametrize(("mode", "value"), [("max", 70.0), ("min", 20.0)])
def test_a_complete_trial_is_told_with_its_best_epoch(mode, value):
    proposals = proposals_of(mode=mode)
    plan = propose(proposals, 0).plan

    tell(proposals, make_record(plan, [50.0, 70.0, 20.0]))

    trial = proposals.study.trials[0]
    assert (trial.state, trial.value) == (TrialState.COMPLETE, value)


def test_a_stopped_trial_is_told_as_pruned_with_what_it_reported():
    proposals = proposals_of()
    plan = propose(proposals, 0).plan

    tell(proposals, make_record(plan, [5.0, 7.0], State.PRUNED))

    trial = proposals.study.trials[0]
    assert trial.state is TrialState.PRUNED
    assert trial.intermediate_values == {0: 5.0, 1: 7.0}


@pytest.mark.parametrize("state", [State.DIVERGED, State.FAILED])
def test_a_trial_that_came_to_nothing_is_told_as_failed(state):
    proposals = proposals_of()
    plan = propose(proposals, 0).plan

    tell(proposals, make_record(plan, [99.0], state))

    assert proposals.study.trials[0].state is TrialState.FAIL
    assert proposals.study.trials[0].value is None


def test_replayed_trials_have_the_states_and_values_that_were_told():
    first, second = proposals_of(), proposals_of()
    records = search(first, 5)

    second.replay(records)

    def facts(proposals):
        return [(t.state, t.value, t.params, t.intermediate_values) for t in proposals.study.trials]

    assert facts(second) == facts(first)


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer.lr": {"float": [2.0, 3.0]}},
        {"model.temporal_kernels": {"choice": [[9]]}},
    ],
    ids=["other range", "other choices"],
)
def test_trials_outside_a_changed_space_are_passed_over(change):
    records = search(proposals_of(), 4)
    changed = proposals_of(space=SPACE | change)

    changed.replay(records)

    assert changed.study.trials == []


def test_trials_with_a_path_that_is_no_longer_searched_are_passed_over():
    records = search(proposals_of(), 4)
    fewer = proposals_of(space={"model.name": SPACE["model.name"]})

    fewer.replay(records)

    assert fewer.study.trials == []


def test_no_parameter_is_invented_for_trials_from_before_a_path_was_searched():
    records = search(proposals_of(), 4)
    wider = proposals_of(space=SPACE | {"optimizer.weight_decay": {"float": [0.0, 0.1]}})

    wider.replay(records)

    assert not any("optimizer.weight_decay" in trial.params for trial in wider.study.trials)

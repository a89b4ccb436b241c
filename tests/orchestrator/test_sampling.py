from itertools import pairwise
from statistics import median

import pytest
from optuna.trial import TrialState

from orchestrator.objective import Objective
from orchestrator.records import State, TrialRecord
from orchestrator.sampling import Proposals
from orchestrator.search_spec import Search
from tests.orchestrator.made_up import make_plan, make_record

SPACE = {
    "model.name": {"choice": ["mdrgcn", "ctrgcn"]},
    "model.temporal_kernels": {"choice": [[5], [3, 5], [3, 5, 7]]},
    "model.cvsta_ratio": {"int": [2, 16], "when": {"model.name": "mdrgcn"}},
    "optimizer.lr": {"float": [1e-3, 1.0], "log": True},
}
NUMBERS = {
    "model.cvsta_ratio": {"int": [2, 16]},
    "optimizer.lr": {"float": [1e-3, 1.0], "log": True},
    "loss.embedding.inter": {"float": [0.0, 1.0]},
}
CONDITIONAL = [
    {"name": "random"},
    {"name": "quasi_random"},
    {"name": "quasi_random", "sequence": "halton"},
    {"name": "tpe", "startup_trials": 3},
]
TPE = CONDITIONAL[-1]
UNCONDITIONAL = [
    {"name": "gp", "startup_trials": 3},
    {"name": "cmaes", "population": 4},
    {"name": "nsga2", "population": 3},
]
SEARCHES = [(s, SPACE) for s in CONDITIONAL] + [(s, NUMBERS) for s in UNCONDITIONAL]
EVERY_SEARCH = pytest.mark.parametrize(("sampler", "space"), SEARCHES, ids=lambda x: x.get("name"))
OUTCOMES = [State.COMPLETE, State.PRUNED, State.COMPLETE, State.DIVERGED, State.FAILED]


def proposals_of(sampler=TPE, space=SPACE, mode="max", objectives=(), **content) -> Proposals:
    content = {"trials": 99, "space": space, "sampler": sampler, "seed": 0} | content
    wanted = [Objective(metric="val/top1", mode=mode), *objectives]
    return Proposals(Search.model_validate(content), wanted, {"model.name": "mdrgcn"})


def propose(proposals: Proposals, number: int) -> TrialRecord:
    """Ask, accept, and make up how the trial went from its parameters."""
    suggestion, params = proposals.ask(number, 0)
    proposals.accept(suggestion, f"t{number}", params)
    worth = 50 - 100 * abs(params["optimizer.lr"] - 0.1) + len(params)
    plan = make_plan(f"t{number}", params=params)
    return make_record(plan, [worth / 2, worth], OUTCOMES[number % len(OUTCOMES)])


def tell(proposals: Proposals, record: TrialRecord) -> None:
    for metrics in record.epochs:
        proposals.report(record.plan.id, metrics["epoch"], metrics["val/top1"])
    proposals.tell(record)


def search(proposals: Proposals, number: int) -> list[TrialRecord]:
    records = []
    for index in range(number):
        records.append(propose(proposals, index))
        tell(proposals, records[-1])
    return records


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
    first, again, other = (search(proposals_of(sampler, space, seed=seed), 8) for seed in (0, 0, 1))

    assert first == again
    assert first != other


@EVERY_SEARCH
@pytest.mark.parametrize("number", [1, 4, 11])
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


def test_the_grid_gives_every_point_once_and_then_none():
    space = {"epochs": {"int": [1, 3]}, "k": {"choice": [[5], [3, 5]]}}
    proposals = proposals_of({"name": "grid"}, space=space)

    points = [proposals.ask(number, 0)[1] for number in range(6)]

    assert points[:3] == [
        {"epochs": 1, "k": [5]},
        {"epochs": 1, "k": [3, 5]},
        {"epochs": 2, "k": [5]},
    ]
    assert proposals.ask(6, 0) is None


@pytest.mark.parametrize("sampler", CONDITIONAL[1:3], ids=["sobol", "halton"])
def test_quasi_random_points_fill_the_space_more_evenly_than_chance(sampler):
    records = search(proposals_of(sampler, space={"optimizer.lr": {"float": [0, 1]}}), 64)

    shares = sorted(record.plan.params["optimizer.lr"] for record in records)
    gaps = [after - before for before, after in pairwise(shares)]
    assert max(gaps) < 2.5 / 64  # independent draws leave one of about ln(64) / 64


def points_of(proposals: Proposals, number: int) -> list[dict[str, object]]:
    return [record.plan.params for record in search(proposals, number)]


@EVERY_SEARCH
def test_points_to_try_first_are_tried_first_and_filled_in_by_the_sampler(sampler, space):
    points = [{"optimizer.lr": 0.5}, {"optimizer.lr": 0.25, "model.cvsta_ratio": 3}]
    points[1] |= {"model.name": "mdrgcn"} if "model.name" in space else {}

    tried = points_of(proposals_of(sampler, space, points=points), 3)

    assert tried[0].items() >= points[0].items()
    assert tried[1].items() >= points[1].items()
    assert tried[2]["optimizer.lr"] not in (0.5, 0.25)
    assert len(tried[0]) > 1


@EVERY_SEARCH
def test_points_are_not_tried_again_after_a_restart(sampler, space):
    points = [{"optimizer.lr": 0.5}, {"optimizer.lr": 0.25}]
    undisturbed = proposals_of(sampler, space, points=points)
    records = search(undisturbed, 1)
    restarted = proposals_of(sampler, space, points=points)
    restarted.replay(records)

    expected = [record.plan.params for record in (propose(undisturbed, n) for n in (1, 2, 3))]

    assert [propose(restarted, n).plan.params for n in (1, 2, 3)] == expected
    assert expected[0]["optimizer.lr"] == 0.25


def test_a_grid_tries_its_points_first_and_none_twice():
    space = {"epochs": {"int": [1, 4]}}
    proposals = proposals_of({"name": "grid"}, space=space, points=[{"epochs": 3}])

    epochs = []
    for number in range(4):
        suggestion, params = proposals.ask(number, 0)
        proposals.accept(suggestion, f"t{number}", params)
        epochs.append(params["epochs"])

    assert epochs == [3, 1, 2, 4]
    assert proposals.ask(4, 0) is None


LEARNING = [(s, NUMBERS) for s in UNCONDITIONAL] + [(TPE, NUMBERS)]


@pytest.mark.parametrize(("sampler", "space"), LEARNING, ids=lambda x: x.get("name"))
def test_what_earlier_studies_know_changes_what_is_proposed_but_is_no_trial(sampler, space):
    earlier = [
        ({"model.cvsta_ratio": 2 + n, "optimizer.lr": 0.3, "loss.embedding.inter": 0.9}, [90.0 - n])
        for n in range(12)
    ]
    cold, warm, again = (proposals_of(sampler, space) for _ in range(3))
    warm.learn(earlier)
    again.learn(earlier)

    first = propose(warm, 0).plan.params

    assert first != propose(cold, 0).plan.params
    assert propose(again, 0).plan.params == first
    assert warm.learnt == [params for params, _ in earlier]


SMALL = {"name": "nsga2", "population": 4}
SEVERAL = [SMALL, {"name": "tpe", "startup_trials": 4}, {"name": "gp", "startup_trials": 4}]


@pytest.mark.parametrize("sampler", SEVERAL, ids=lambda sampler: sampler["name"])
def test_a_search_with_two_objectives_goes_on_after_a_restart_as_it_would_have(sampler):
    cost = Objective(metric="macs", mode="min")
    undisturbed, restarted = (proposals_of(sampler, NUMBERS, objectives=[cost]) for _ in range(2))
    records = [propose(undisturbed, number) for number in range(9)]
    for record in records:
        record.result = {"macs": record.plan.params["model.cvsta_ratio"]}
        tell(undisturbed, record)

    restarted.replay(records)

    assert restarted.ask(9, 0)[1] == undisturbed.ask(9, 0)[1]
    complete = [t for t in restarted.study.trials if t.state is TrialState.COMPLETE]
    assert [len(trial.values) for trial in complete] == [2] * len(complete)


def test_the_children_of_nsga2_have_the_values_of_their_parents():
    sampler = {"name": "nsga2", "population": 4, "crossover": 1.0, "mutation": 0.0}
    records = search(proposals_of(sampler, NUMBERS), 12)

    complete = [r.plan.params for r in records[:4] if r.state is State.COMPLETE]
    parents = {value for params in complete for value in params.values()}
    children = {value for record in records[4:8] for value in record.plan.params.values()}
    assert len(complete) == 2
    assert children <= parents


def test_cma_es_waits_for_a_whole_generation_and_then_moves():
    told, waiting = (proposals_of({"name": "cmaes", "population": 4}, NUMBERS) for _ in range(2))
    for number in range(4):
        tell(told, propose(told, number))
        record = propose(waiting, number)
        if number < 3:
            tell(waiting, record)

    fresh = proposals_of({"name": "cmaes", "population": 4}, NUMBERS)

    assert waiting.ask(4, 0)[1] == fresh.ask(4, 0)[1] != told.ask(4, 0)[1]


PURSUING = [{"name": "cmaes", "population": 6}, {"name": "tpe", "startup_trials": 10}]


@pytest.mark.parametrize("sampler", PURSUING, ids=lambda sampler: sampler["name"])
def test_a_search_comes_nearer_to_the_best_point_than_its_start(sampler):
    proposals = proposals_of(sampler, space={"x": {"float": [0, 1]}, "y": {"float": [0, 1]}})
    errors = []
    for number in range(48):
        suggestion, params = proposals.ask(number, 0)
        proposals.accept(suggestion, f"t{number}", params)
        errors.append((params["x"] - 0.8) ** 2 + (params["y"] - 0.3) ** 2)
        proposals.tell(make_record(make_plan(f"t{number}", params=params), [-errors[-1]]))

    assert median(errors[-12:]) < median(errors[:12]) / 4

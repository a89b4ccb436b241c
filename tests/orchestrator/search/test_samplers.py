"""What each sampler is for: lists, points to try first, earlier studies, several objectives."""

from itertools import pairwise
from statistics import median

import pytest
from optuna.trial import TrialState

from orchestrator.objective import Objective
from orchestrator.records import State
from orchestrator.search.sampling import Proposals
from tests.orchestrator.made_up import make_plan, make_record
from tests.orchestrator.search.made_up import (
    CONDITIONAL,
    NUMBERS,
    SEARCHES,
    TPE,
    UNCONDITIONAL,
    proposals_of,
    propose,
    search,
    tell,
)

EVERY_SEARCH = pytest.mark.parametrize(("sampler", "space"), SEARCHES, ids=lambda x: x.get("name"))


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


def test_a_point_that_an_earlier_study_has_trained_is_not_tried_first():
    points = [{"optimizer.lr": 0.3}, {"optimizer.lr": 0.2}]
    proposals = proposals_of(space={"optimizer.lr": NUMBERS["optimizer.lr"]}, points=points)
    proposals.learn([({"optimizer.lr": 0.3}, [90.0])])

    assert proposals.ask(0, 0)[1] == {"optimizer.lr": 0.2}


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

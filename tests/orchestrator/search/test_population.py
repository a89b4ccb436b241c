import numpy as np
import pytest

from orchestrator.records import State
from orchestrator.search.population import Breeding, quantiles, worth_of
from orchestrator.search.spec import Search
from tests.orchestrator.made_up import LOSS, TOP1, make_plan, make_record

RATE, MOMENTUM = "optimizer.lr", "optimizer.momentum"
SPACE = {
    "optimizer.name": {"choice": ["sgd", "adam"]},
    RATE: {"float": [0.01, 1.0], "log": True},
    MOMENTUM: {"float": [0.0, 0.9], "step": 0.3, "when": {"optimizer.name": "sgd"}},
    "data.crop_min_frames": {"int": [8, 64]},
}
SGD = {"optimizer.name": "sgd", RATE: 0.1, MOMENTUM: 0.3, "data.crop_min_frames": 32}


def breeding(allows=lambda params: True, **content: object) -> Breeding:
    scheduler = {"name": "pbt"} | content
    search = {"trials": 40, "space": SPACE, "scheduler": scheduler}
    return Breeding(Search.model_validate(search), {}, allows)


def offspring(number: int = 200, params=SGD, **content: object) -> list[dict[str, object]]:
    breeds = breeding(**content)
    return [breeds.explored(params, np.random.default_rng(seed)) for seed in range(number)]


@pytest.mark.parametrize(
    ("worth", "share", "best", "worst"),
    [
        ([3, 1, 4, 2], 0.25, [2], [1]),
        ([3, 1, 4, 2], 0.5, [2, 0], [3, 1]),
        ([1, 2, 3], 0.5, [2], [0]),
        ([5, 5], 0.1, [0], [1]),
        ([3, None, 4, 2], 0.25, [2], [1]),
        ([None, None, 4, None], 0.5, [2], [0, 1, 3]),
        ([None, None], 0.25, [], [0, 1]),
    ],
)
def test_as_many_of_the_best_as_of_the_worst_and_all_that_failed_among_these(
    worth, share, best, worst
):
    assert quantiles(worth, share) == (best, worst)


def test_the_worst_copy_the_best_and_all_others_go_on_as_they_are():
    rates = [{**SGD, RATE: rate} for rate in (0.1, 0.2, 0.3, 0.4)]

    members = breeding().heirs(1, rates, [2.0, 1.0, 4.0, 3.0])

    assert [member.parent for member in members] == [0, 2, 2, 3]
    assert [members[place].params for place in (0, 2, 3)] == [rates[0], rates[2], rates[3]]
    assert members[1].params[RATE] in (pytest.approx(0.24), pytest.approx(0.36))


def test_a_generation_in_which_all_failed_has_no_heirs():
    assert breeding().heirs(1, [SGD, SGD], [None, None]) == []


def test_a_copy_multiplies_every_number_by_one_of_the_factors():
    of_sgd = [point for point in offspring() if point["optimizer.name"] == "sgd"]

    assert {round(point[RATE], 9) for point in of_sgd} == {0.08, 0.12}
    assert {point["data.crop_min_frames"] for point in of_sgd} == {26, 38}  # of 25.6 and 38.4
    assert {point[MOMENTUM] for point in of_sgd} == {0.3}  # the step is wider than the factors


def test_a_number_stays_in_its_domain():
    assert {point[RATE] for point in offspring(factors=[50.0])} == {1.0}
    assert {point[RATE] for point in offspring(factors=[0.001])} == {0.01}


def test_a_choice_is_seldom_drawn_anew_and_switches_paths_with_it():
    points = offspring()

    adams = [point for point in points if point["optimizer.name"] == "adam"]
    assert 0.05 < len(adams) / len(points) < 0.25  # expected: a quarter redrawn, half of it adam
    assert not any(MOMENTUM in point for point in adams)


def test_a_path_that_becomes_active_is_drawn_from_its_whole_domain():
    adam = {key: value for key, value in SGD.items() if key != MOMENTUM}

    points = offspring(params=adam | {"optimizer.name": "adam"})

    momenta = {point[MOMENTUM] for point in points if point["optimizer.name"] == "sgd"}
    assert momenta == set(
        Search.model_validate({"trials": 1, "space": SPACE}).space[MOMENTUM].grid()
    )


def test_what_is_not_allowed_is_tried_again_and_in_the_end_left_as_it_was():
    below = offspring(allows=lambda point: point[RATE] < 0.1)

    assert {round(point[RATE], 9) for point in below} == {0.08}
    assert offspring(3, allows=lambda params: False) == [SGD] * 3


def test_what_a_place_draws_depends_on_seed_generation_and_place_alone():
    rates = [{**SGD, RATE: rate} for rate in np.linspace(0.1, 0.9, 10).tolist()]
    few, more = list(range(10)), [*range(8), 5, 4]

    first = [breeding(quantile=0.3).heirs(g, rates, few)[0] for g in range(1, 20)]
    again = [breeding(quantile=0.3).heirs(g, rates, few)[0] for g in range(1, 20)]
    other = [breeding(quantile=0.3).heirs(g, rates, more)[0] for g in range(1, 20)]

    assert first == again
    assert len({(member.parent, member.params[RATE]) for member in first}) > 1
    assert [member.params["data.crop_min_frames"] for member in first] == [
        member.params["data.crop_min_frames"] for member in other
    ]


def test_a_member_is_worth_its_last_epoch_and_nothing_if_it_did_not_get_there():
    plan = make_plan("a")

    assert worth_of(make_record(plan, [90.0, 60.0]), TOP1) == 60.0
    assert worth_of(make_record(plan, [0.5, 0.7], metric="val/loss"), LOSS) == -0.7
    assert worth_of(make_record(plan, [90.0], State.DIVERGED), TOP1) is None

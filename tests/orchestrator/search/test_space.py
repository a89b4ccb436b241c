import pytest
from pydantic import ValidationError

from orchestrator.search.space import Domain, grid_points, is_active, label_of, point_at


def domain(**content: object) -> Domain:
    return Domain.model_validate(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "needs exactly one of choice, float, int"),
        ({"choice": [1], "float": [0, 1]}, "needs exactly one of choice, float, int"),
        ({"float": [1, 0]}, r"low must be below high, got low=1\.0, high=0\.0"),
        ({"int": [3, 3]}, "low must be below high, got low=3, high=3"),
        ({"float": [0, 1], "log": True}, r"log needs a positive low, got low=0\.0"),
        ({"float": [1, 2], "log": True, "step": 0.5}, "log and step exclude each other"),
        ({"choice": [1], "log": True}, "log and step belong to float and int"),
        ({"choice": [1], "step": 1}, "log and step belong to float and int"),
        ({"int": [1, 3], "step": 0.5}, "step"),
        ({"choice": []}, "at least 1 item"),
        ({"float": [0, 1], "step": 0}, "greater than 0"),
        ({"float": [0, float("inf")]}, "finite"),
        ({"int": [1.5, 3]}, "integer"),
        ({"flot": [0, 1]}, "Extra inputs"),
    ],
)
def test_a_domain_that_makes_no_sense_is_refused_with_the_rule(content, message):
    with pytest.raises(ValidationError, match=message):
        domain(**content)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ({"choice": [[5], [3, 5]]}, [[5], [3, 5]]),
        ({"int": [1, 4]}, [1, 2, 3, 4]),
        ({"int": [2, 9], "step": 3}, [2, 5, 8]),
        ({"float": [0, 1], "step": 0.25}, [0, 0.25, 0.5, 0.75, 1.0]),
    ],
)
def test_the_grid_of_a_countable_domain_is_every_value(content, values):
    assert domain(**content).grid() == values


def test_a_float_grid_reaches_its_end_in_spite_of_rounding():
    assert domain(float=[0, 0.3], step=0.1).grid() == pytest.approx([0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("content", [{"float": [0, 1]}, {"int": [1, 64], "log": True}])
def test_a_domain_that_is_not_countable_has_no_grid(content):
    with pytest.raises(ValueError, match="a grid needs a choice, an int range or a float range"):
        domain(**content).grid()


@pytest.mark.parametrize(
    ("value", "label"),
    [(3, 3), (0.5, 0.5), ("tanh", "tanh"), (True, True), (None, None), ([3, 5], "[3, 5]")],
)
def test_a_choice_is_labelled_by_itself_or_by_its_json(value, label):
    assert label_of(value) == label


def test_a_domain_is_active_when_every_condition_holds():
    searched = domain(int=[1, 2], when={"model.name": "mdrgcn", "model.cvsta": True})

    assert is_active(searched, {"model.cvsta": True}, {"model.name": "mdrgcn"})
    assert not is_active(searched, {"model.cvsta": False}, {"model.name": "mdrgcn"})
    assert not is_active(searched, {"model.cvsta": True}, {"model.name": "ctrgcn"})


def test_a_chosen_value_goes_before_the_trials_own():
    searched = domain(int=[1, 2], when={"model.name": "mdrgcn"})

    assert is_active(searched, {"model.name": "mdrgcn"}, {"model.name": "ctrgcn"})
    assert not is_active(searched, {"model.name": "ctrgcn"}, {"model.name": "mdrgcn"})


def test_a_condition_that_a_section_is_null_does_not_hold_where_it_is_there():
    searched = domain(int=[1, 2], when={"loss.embedding": None})

    assert not is_active(searched, {}, {"loss.embedding.name": "rdl"})


def test_grid_points_are_every_combination_in_the_order_of_the_file():
    space = {"a": domain(choice=["x", "y"]), "b": domain(int=[1, 2])}

    points = list(grid_points(space, {}))

    assert points == [
        {"a": "x", "b": 1},
        {"a": "x", "b": 2},
        {"a": "y", "b": 1},
        {"a": "y", "b": 2},
    ]


def test_grid_points_leave_inactive_paths_out_and_come_once():
    space = {"a": domain(choice=["x", "y"]), "b": domain(int=[1, 3], when={"a": "y"})}

    points = list(grid_points(space, {}))

    assert points == [{"a": "x"}, {"a": "y", "b": 1}, {"a": "y", "b": 2}, {"a": "y", "b": 3}]


DOMAINS = [
    {"choice": [[5], [3, 5], [3, 5, 7]]},
    {"int": [2, 9], "step": 3},
    {"int": [1, 64], "log": True},
    {"float": [0, 1], "step": 0.25},
    {"float": [1e-3, 1.0], "log": True},
    {"float": [-2, 5]},
]


@pytest.mark.parametrize("content", DOMAINS, ids=str)
@pytest.mark.parametrize("share", [0.0, 0.21, 0.5, 0.83, 1.0])
def test_every_share_of_a_domain_has_a_value_that_lies_there(content, share):
    d = domain(**content)

    value = d.at(share)

    assert d.holds(value)
    assert d.at(d.share(value)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("content", "middle"),
    [
        ({"choice": ["a", "b", "c"]}, "b"),
        ({"float": [1e-4, 1.0], "log": True}, 1e-2),
        ({"float": [-2, 5]}, 1.5),
        ({"int": [1, 9]}, 5),
    ],
)
def test_half_of_the_way_is_the_middle(content, middle):
    assert domain(**content).at(0.5) == pytest.approx(middle)


def test_equal_shares_of_the_way_go_to_the_values_of_an_int_range():
    values = [domain(int=[1, 4]).at((n + 0.5) / 100) for n in range(100)]

    assert [values.count(value) for value in (1, 2, 3, 4)] == [25] * 4


def test_a_point_leaves_out_the_shares_of_inactive_paths():
    space = {
        "model.name": domain(choice=["mdrgcn", "ctrgcn"]),
        "ratio": domain(int=[2, 9], when={"model.name": "mdrgcn"}),
        "lr": domain(float=[0, 1]),
    }

    assert point_at(space, [0.9, 0.0, 0.5], {}) == {"model.name": "ctrgcn", "lr": 0.5}
    assert point_at(space, [0.1, 1.0, 0.5], {}) == {"model.name": "mdrgcn", "ratio": 9, "lr": 0.5}


@pytest.mark.parametrize(
    ("content", "number", "value"),
    [
        ({"float": [0, 1]}, 0.3, 0.3),
        ({"float": [0, 1]}, 1.2, 1.0),
        ({"float": [0, 1], "step": 0.25}, 0.4, 0.5),
        ({"float": [0, 1], "step": 0.4}, 1.0, 0.8),
        ({"int": [2, 16], "log": True}, 1.4, 2),
        ({"int": [2, 16]}, 3.6, 4),
        ({"int": [2, 16], "step": 5}, 16, 12),
    ],
)
def test_the_nearest_value_to_a_number_is_of_the_domain(content, number, value):
    nearest = domain(**content).nearest(number)

    assert nearest == pytest.approx(value)
    assert domain(**content).holds(nearest)

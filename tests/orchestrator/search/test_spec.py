import pytest
from pydantic import ValidationError

from orchestrator.search.spec import Search

RATE = {"float": [0.01, 0.3], "log": True}
WIDTH = {"int": [8, 64]}
MODEL = {"choice": ["mdrgcn", "ctrgcn"]}
RATIO = {"int": [2, 16], "when": {"model.name": "mdrgcn"}}
FIXED = {"model.name": "mdrgcn", "epochs": 4, "batch_size": 8}


def search(**content: object) -> Search:
    return Search.model_validate({"trials": 5, "space": {"optimizer.lr": RATE}} | content)


@pytest.mark.parametrize("name", ["gp", "cmaes", "nsga2"])
def test_conditional_paths_are_refused_by_samplers_that_would_draw_them_blindly(name):
    with pytest.raises(ValidationError, match=r"model\.cvsta_ratio: .* take tpe"):
        search(sampler={"name": name}, space={"model.cvsta_ratio": RATIO, "optimizer.lr": RATE})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"sampler": {"name": "cmaes"}, "space": {"model.name": MODEL}}, "takes numbers only"),
        ({"sampler": {"name": "cmaes"}}, "at least two paths"),
        (
            {"sampler": {"name": "cmaes"}, "further_objectives": [{"metric": "macs"}]}
            | {"space": {"optimizer.lr": RATE, "model.width": WIDTH}},
            "cmaes has one objective; take nsga2",
        ),
        ({"sampler": {"name": "random"}, "warm_start": ["old"]}, "does not look at earlier trials"),
        ({"points": [{"optimizer.lr": 0.5}]}, r"points\.0: optimizer\.lr = 0\.5 is not in"),
        ({"points": [{"epochs": 5}]}, r"points\.0: epochs = 5 is not searched"),
        ({"stop": {"hours": 0}}, "greater than 0"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_what_would(content, message):
    with pytest.raises(ValidationError, match=message):
        search(**content)


def test_constraints_hold_between_what_is_searched_and_what_is_not():
    rule = {"left": ["model.width", "batch_size"], "op": "<=", "right": 256}
    wide = search(space={"model.width": WIDTH}, constraints=[rule])

    assert wide.allows({"model.width": 32}, FIXED)
    assert not wide.allows({"model.width": 33}, FIXED)


def test_a_grid_leaves_out_what_a_constraint_forbids():
    rule = {"left": "a", "op": "<", "right": "b"}
    space = {"a": {"int": [1, 3]}, "b": {"int": [1, 3]}}

    points = list(search(space=space, constraints=[rule]).grid({}))

    assert points == [{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 2, "b": 3}]


def test_the_word_trial_stands_for_the_values_of_the_trial_file():
    space = {"model.name": MODEL, "model.cvsta_ratio": RATIO, "epochs": {"int": [1, 9]}}
    points = ["trial", {"epochs": 2}]

    resolved = search(space=space, points=points).resolved_points(FIXED | {"model.cvsta_ratio": 8})

    assert resolved[0] == {"model.name": "mdrgcn", "model.cvsta_ratio": 8, "epochs": 4}
    assert resolved[1] == {"epochs": 2}


def test_the_trial_leaves_out_what_is_not_searched_for_its_model():
    space = {"model.name": MODEL, "model.cvsta_ratio": RATIO}
    fixed = {"model.name": "ctrgcn", "model.cvsta_ratio": 8}

    assert search(space=space, points=["trial"]).resolved_points(fixed) == [
        {"model.name": "ctrgcn"}
    ]

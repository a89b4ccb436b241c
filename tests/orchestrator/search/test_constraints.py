import pytest
from pydantic import ValidationError

from orchestrator.search.constraints import Constraint

VALUES = {"model.width": 32, "batch_size": 16, "optimizer.lr": 0.1, "model.name": "mdrgcn"}


def constraint(left, op, right) -> Constraint:
    return Constraint.model_validate({"left": left, "op": op, "right": right})


@pytest.mark.parametrize(
    ("left", "op", "right", "holds"),
    [
        ("model.width", "<=", 32, True),
        ("model.width", "<", 32, False),
        ("batch_size", "!=", "model.width", True),
        (["model.width", "batch_size"], "<=", 512, True),
        (["model.width", "batch_size"], "<=", 511, False),
        ("model.width", ">=", ["batch_size", "optimizer.lr"], True),
        ("model.width", "==", 33, False),
        ("model.width", ">", 31.5, True),
    ],
)
def test_sides_are_paths_products_and_numbers(left, op, right, holds):
    assert constraint(left, op, right).holds(VALUES) is holds


def test_a_constraint_on_a_path_that_a_trial_does_not_have_holds():
    assert constraint("model.fine_width", "<", "model.width").holds(VALUES)


def test_a_constraint_on_what_is_no_number_is_an_error():
    with pytest.raises(ValueError, match=r"compares numbers, model\.name is 'mdrgcn'"):
        constraint("model.name", "<", 3).holds(VALUES)


def test_a_constraint_is_told_as_a_formula():
    assert str(constraint(["model.width", "batch_size"], "<=", 512)) == (
        "model.width * batch_size <= 512"
    )


@pytest.mark.parametrize("op", ["=<", "and", "__import__('os')"])
def test_an_unknown_relation_is_refused(op):
    with pytest.raises(ValidationError, match="<="):
        constraint("model.width", op, 3)

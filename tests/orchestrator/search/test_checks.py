import pytest

from orchestrator.engine.errors import SpecError
from orchestrator.search.checks import check_search


def test_a_space_that_fits_the_trial_is_accepted(study_of):
    space = {
        "model.temporal_kernels": {"choice": [[5], [3, 5]]},
        "loss.classification.name": {"choice": ["cross_entropy", "smfl"]},
        "loss.classification.gamma": {
            "float": [0, 3],
            "when": {"loss.classification.name": "smfl"},
        },
    }

    check_search(
        study_of(
            overrides={"loss.classification.name": "smfl"}, search={"trials": 1, "space": space}
        )
    )


def test_every_path_and_value_that_the_trial_does_not_take_is_told_at_once(study_of):
    space = {
        "model.widht": {"int": [4, 8]},
        "model.activation": {"choice": ["tanh", "swish", "gelu"]},
        "data.eval_crop": {"float": [0.5, 1.5]},
    }

    with pytest.raises(SpecError) as caught:
        check_search(study_of(search={"trials": 1, "space": space}))

    told = {(problem.path, problem.value) for problem in caught.value.problems}
    assert {path for path, _ in told} == {
        "search.space: model.widht",
        "search.space: model.activation",
        "search.space: data",
    }
    assert ("search.space: model.activation", "gelu") in told


LEVELS = {
    "optimizer.lr": {"float": [0.01, 0.3]},
    "model.cvsta": {"choice": [True, False]},
    "model.cvsta_ratio": {"choice": [2, 4], "when": {"model.cvsta": True}},
}


def problems_of(study) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        check_search(study)
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (("model.widht", "<", 3), "is neither searched nor a path of the trial"),
        (("model.name", "<", 3), "must be a number to be compared, may be 'mdrgcn'"),
        (("model.cvsta", "<", 3), "must be a number to be compared, may be True"),
    ],
)
def test_a_constraint_that_cannot_be_judged_is_told(study_of, rule, message):
    rule = dict(zip(("left", "op", "right"), rule, strict=True))
    study = study_of(search={"trials": 1, "space": LEVELS, "constraints": [rule]})

    assert problems_of(study) == {"search.constraints.0": message}


@pytest.mark.parametrize(
    ("points", "path", "message"),
    [
        ([{"model.cvsta_ratio": 2}], ": model.cvsta_ratio", "is searched when"),
        ([{"model.cvsta_ratio": 2, "model.cvsta": False}], ": model.cvsta_ratio", "is searched"),
        ([{"optimizer.lr": 0.25}], "", "breaks the constraint optimizer.lr < 0.2"),
    ],
)
def test_a_point_that_the_search_could_not_propose_is_told(study_of, points, path, message):
    rule = {"left": "optimizer.lr", "op": "<", "right": 0.2}
    search = {"trials": 1, "space": LEVELS, "constraints": [rule], "points": points}

    found = problems_of(study_of(search=search))

    assert list(found) == [f"search.points.0{path}"]
    assert found[f"search.points.0{path}"].startswith(message)


def test_the_trial_can_be_a_point_only_where_its_values_are_searched(study_of):
    search = {"trials": 1, "space": LEVELS, "points": ["trial"]}

    check_search(study_of(search=search))
    found = problems_of(study_of(search=search, overrides={"optimizer.lr": 0.9}))

    assert found == {"search.points.0: optimizer.lr": "is not in the space"}


def test_an_objective_that_no_trial_reports_is_told_with_those_that_are(study_of):
    further = [{"metric": "mac", "mode": "min"}, {"metric": "val/top1"}]
    search = {"trials": 1, "space": LEVELS, "further_objectives": further}

    found = problems_of(study_of(search=search))

    assert "known: macs, num_params" in found["search.further_objectives.0.metric"]
    assert found["search.further_objectives.1.metric"] == "is the objective already"


def test_robustness_is_an_objective_where_the_trial_measures_it(study_of):
    search = {"trials": 1, "space": LEVELS, "further_objectives": [{"metric": "val/robust_top1"}]}

    check_search(study_of(search=search, overrides={"robust_noise": 0.1}))

    assert problems_of(study_of(search=search)).keys() == {"search.further_objectives.0.metric"}

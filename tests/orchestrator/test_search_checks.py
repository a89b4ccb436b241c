import pytest

from orchestrator.engine.errors import SpecError
from orchestrator.search_checks import check_search


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

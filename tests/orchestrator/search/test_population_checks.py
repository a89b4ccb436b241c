from dataclasses import fields

import pytest

from data.transform import ClipTransform
from orchestrator.engine.errors import SpecError
from orchestrator.search.checks import check_search
from orchestrator.search.population_checks import AUGMENTATIONS

RATE = {"float": [0.01, 0.3]}
SPACE = {
    "optimizer.lr": RATE,
    "optimizer.nesterov": {"choice": [True, False]},
    "loss.embedding.inter": {"choice": [0.01, 0.1]},
    "data.rotation_deg": {"choice": [[0, 0, 0], [10, 10, 10]]},
}
SEARCH = {"trials": 8, "space": SPACE, "scheduler": {"name": "pbt", "generations": 2}}


def problems_of(study) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        check_search(study)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_options_of_the_optimizer_numbers_of_the_loss_and_augmentations_are_taken(study_of):
    check_search(study_of(search=SEARCH))


def test_the_augmentations_are_options_of_the_data():
    assert {f"data.{field.name}" for field in fields(ClipTransform)} > AUGMENTATIONS


@pytest.mark.parametrize(
    ("path", "domain"),
    [
        ("model.width", {"int": [4, 8]}),
        ("batch_size", {"int": [4, 8]}),
        ("data.clip_len", {"int": [8, 16]}),
        ("loss.classification.name", {"choice": ["cross_entropy", "focal"]}),
        ("loss.embedding", {"choice": [None, {"name": "rdl"}]}),
        ("optimizer", {"choice": [{"name": "sgd"}, {"name": "adam"}]}),
    ],
)
def test_a_path_that_cannot_change_during_training_is_refused(study_of, path, domain):
    found = problems_of(study_of(search=SEARCH | {"space": {path: domain}}))

    assert found.keys() == {f"search.space: {path}"}
    assert "cannot change while a population trains" in found[f"search.space: {path}"]


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        ({"trials": 7}, "search.trials", "at least 2 times the 2 generations"),
        ({"trials": 2}, "search.trials", "at least 2 times the 2 generations"),
        (
            {"trials": 9, "scheduler": {"name": "pbt", "generations": 3}},
            "trial.epochs",
            "multiple of the 3 generations",
        ),
        ({"stop": {"patience": 3}}, "search.stop", "as long as `trials` says"),
        (
            {"sampler": {"name": "grid"}, "space": {"optimizer.lr": {"choice": [0.1, 0.2]}}},
            "search.sampler.name",
            "take random",
        ),
    ],
)
def test_a_search_that_cannot_be_cut_into_generations_is_refused(study_of, content, path, message):
    found = problems_of(study_of(search=SEARCH | content))

    assert found.keys() == {path}
    assert message in found[path]


@pytest.mark.parametrize("schedule", [{"name": "cosine"}, {"name": "constant", "warmup_epochs": 1}])
def test_a_learning_rate_that_follows_the_epoch_is_refused(study_of, schedule):
    found = problems_of(study_of(search=SEARCH, overrides={"lr_schedule": schedule}))

    assert found.keys() == {"trial.lr_schedule"}

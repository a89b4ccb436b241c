from pathlib import Path

import pytest

from orchestrator.engine.errors import SpecError
from orchestrator.spec import load_study

ABLATION = {"variants": {"small": {"model.width": 8}}}
SEARCH = {"trials": 3, "space": {"optimizer.lr": {"float": [0.01, 0.3]}}}


def problems_of(path: Path) -> dict[str, str]:
    """Dotted path to message of what is wrong with the study file."""
    with pytest.raises(SpecError) as caught:
        load_study(path)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_a_study_knows_its_trial_with_the_overrides_laid_over_it(study_of):
    study = study_of(ablation=ABLATION, overrides={"epochs": 7, "loss.embedding": None})

    assert study.baseline.epochs == 7
    assert study.baseline.loss.embedding is None
    assert study.config({"seed": 3}, "a variant").epochs == 7


def test_what_a_study_leaves_open_has_a_default(study_of):
    spec = study_of(search=SEARCH).spec

    assert (spec.resources.cpu, spec.resources.gpu, spec.retries) == (1, 0, 2)
    assert spec.max_concurrent is None
    assert (spec.search.sampler.name, spec.search.scheduler.name) == ("tpe", "none")
    assert spec.search.seed == 0


def test_a_number_of_seeds_counts_from_zero_and_a_list_names_them(study_of):
    counted = study_of(ablation=ABLATION | {"seeds": 3}).spec.ablation
    named = study_of(ablation=ABLATION | {"seeds": [7, 5]}).spec.ablation

    assert counted.seeds == [0, 1, 2]
    assert named.seeds == [7, 5]


def test_the_trial_may_be_a_path_relative_to_the_study(write_study, tmp_path: Path):
    path = write_study(ablation=ABLATION, trial="../elsewhere.yaml")
    (tmp_path / "trials/small.yaml").rename(tmp_path / "elsewhere.yaml")

    study = load_study(path)

    assert study.baseline.epochs == 4


@pytest.mark.parametrize("plan", [{}, {"ablation": ABLATION, "search": SEARCH}])
def test_a_study_with_both_plans_or_none_is_refused(write_study, plan):
    problems = problems_of(write_study(**plan))

    assert problems == {"document": "needs exactly one of ablation and search"}


def test_every_problem_of_a_study_file_is_told_at_once(write_study):
    path = write_study(
        study="a name",
        objektive={},
        resources={"cpu": 0, "gpus": 1},
        max_concurrent="many",
        ablation=ABLATION,
    )

    problems = problems_of(path)

    expected = {"study", "objektive", "resources.cpu", "resources.gpus", "max_concurrent"}
    assert problems.keys() == expected
    assert (
        problems["resources.gpus"]
        == "unknown key; did you mean 'gpu'? known: cpu, gpu, gpu_kind, measured"
    )


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a name"])
def test_a_name_that_is_no_folder_name_is_refused(write_study, name):
    assert problems_of(write_study(study=name, ablation=ABLATION)).keys() == {"study"}


def test_a_metric_that_the_trial_does_not_report_is_refused_with_the_one_it_does(write_study):
    path = write_study(objective={"metric": "val/top5"}, ablation=ABLATION)

    message = problems_of(path)["objective.metric"]

    assert message.startswith("the trial reports 'val/top1'; its keys select_on (val) and monitor")


def test_the_objective_follows_the_overrides(study_of):
    study = study_of(
        objective={"metric": "test/loss", "mode": "min"},
        overrides={"select_on": "test", "monitor": "loss"},
        ablation=ABLATION,
    )

    assert study.baseline.metric == "test/loss"


def test_a_mode_against_the_metric_is_refused(write_study):
    path = write_study(objective={"metric": "val/top1", "mode": "min"}, ablation=ABLATION)

    assert problems_of(path) == {"objective.mode": "val/top1 is better when it is maximal"}


@pytest.mark.parametrize(
    ("ablation", "path", "message"),
    [
        ({}, "ablation", "nothing to compare"),
        ({"variants": {"baseline": {"seed": 1}}}, "ablation", "is the trial file itself"),
        ({"components": {"rdl": {}}}, "ablation.components", "'rdl' needs levels"),
        ({"components": {"rdl": {"off": {}}}}, "ablation.components", "change at least one path"),
        ({"components": {"rdl": {"on": {"a": 1}}}}, "ablation.components", "level 'on' of 'rdl'"),
        (ABLATION | {"design": "pears"}, "ablation.design.0", "did you mean 'pairs'"),
    ],
)
def test_an_ablation_that_compares_nothing_is_refused(write_study, ablation, path, message):
    problems = problems_of(write_study(ablation=ablation))

    assert problems.keys() == {path}
    assert message in problems[path]


@pytest.mark.parametrize("seeds", [0, [], "three"])
def test_bad_seeds_are_refused_at_the_path_that_the_user_wrote(write_study, seeds):
    problems = problems_of(write_study(ablation=ABLATION | {"seeds": seeds}))

    assert problems.keys() == {"ablation.seeds"}


def test_a_misspelt_key_of_an_ablation_is_told_with_the_known_ones(write_study):
    message = problems_of(write_study(ablation=ABLATION | {"desing": "factorial"}))

    assert message["ablation.desing"].startswith("unknown key; did you mean 'design'? known: ")


def test_a_misspelt_option_of_a_sampler_is_told_with_those_of_that_sampler(write_study):
    sampler = {"name": "tpe", "candidats": 3}

    problems = problems_of(write_study(search=SEARCH | {"sampler": sampler}))

    assert problems == {
        "search.sampler.candidats": "unknown key; did you mean 'candidates'? "
        "known: name, startup_trials, candidates"
    }


def test_every_domain_of_a_space_is_checked_at_once(write_study):
    space = {
        "optimizer.lr": {"float": [1, 0]},
        "model.width": {"choice": []},
        "epochs": {"int": [1, 2], "lgo": True},
    }

    problems = problems_of(write_study(search={"trials": 0, "space": space}))

    assert problems.keys() == {
        "search.trials",
        "search.space.optimizer.lr",
        "search.space.model.width.choice",
        "search.space.epochs.lgo",
    }
    assert problems["search.space.epochs.lgo"].startswith("unknown key; did you mean 'log'?")


def test_an_empty_space_is_refused(write_study):
    assert problems_of(write_study(search={"trials": 1, "space": {}})).keys() == {"search.space"}


def test_a_grid_over_what_is_not_countable_names_the_path(write_study):
    message = problems_of(write_study(search=SEARCH | {"sampler": {"name": "grid"}}))["search"]

    assert message.startswith("space.optimizer.lr: a grid needs a choice")


def test_a_trial_that_does_not_exist_is_an_error(write_study):
    with pytest.raises(SpecError, match=r"nowhere.*\n.*cannot be read"):
        load_study(write_study(trial="nowhere", ablation=ABLATION))


def test_a_bad_override_is_told_with_its_path(write_study):
    path = write_study(overrides={"model.widht": 8}, ablation=ABLATION)

    assert problems_of(path)["model.widht"].startswith("unknown key; did you mean 'width'?")


def test_a_bad_change_names_the_study_file_and_the_variant(study_of):
    study = study_of(ablation=ABLATION)

    with pytest.raises(SpecError) as caught:
        study.config({"model.widht": 8}, "variant wide")

    assert caught.value.source == f"{study.source} (variant wide)"


def test_an_ensemble_of_streams_has_no_loss_to_compare(write_study):
    path = write_study(
        overrides={"monitor": "loss"},
        objective={"metric": "val/loss", "mode": "min"},
        ablation={"variants": {"2s": {"streams": ["joint", "bone"]}}},
    )

    assert "have no loss" in problems_of(path)["objective.metric"]

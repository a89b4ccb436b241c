from pathlib import Path

import pytest

from orchestrator.engine.errors import SpecError
from orchestrator.home import Home
from orchestrator.planning.trials import Planner
from orchestrator.records import Role, State, StudyLog
from orchestrator.search.warm_start import earlier_trials
from orchestrator.sources import SearchSource, open_search
from orchestrator.stored import remember

SEARCH = {"trials": 9, "space": {"optimizer.lr": {"float": [0.01, 0.3], "log": True}}}
WARM = SEARCH | {"warm_start": ["old"]}


@pytest.fixture
def home(tmp_path: Path, data_root: Path) -> Home:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "data").symlink_to(data_root)
    return Home(tmp_path / "home")


def run(home: Home, study, rates: dict[float, State]) -> None:
    """Make up that an earlier study ran these rates."""
    folder, planner = home.study(study.spec.study), Planner(study, home.data)
    log = StudyLog(folder.log).open()
    remember(study, folder, {})
    for rate, state in rates.items():
        plan = planner.plan(f"rate {rate}", Role.SEARCH, "", {"optimizer.lr": rate})
        log.plan(plan)
        log.epoch(plan.id, {"epoch": 0, "val/top1": 100 * rate})
        log.end(plan.id, state, {})
    log.close()


def test_complete_trials_whose_parameters_are_in_the_space_are_taken(study_of, home: Home):
    wider = {"optimizer.lr": {"float": [0.001, 0.9]}}
    old = study_of(study="old", search={"trials": 9, "space": wider})
    run(home, old, {0.05: State.COMPLETE, 0.1: State.PRUNED, 0.5: State.COMPLETE})
    planner = Planner(study_of(search=WARM), home.data)

    (earlier,) = earlier_trials(planner, home)

    assert earlier.observations == [({"optimizer.lr": 0.05}, [5.0])]
    assert earlier.told() == "1 of 2 complete trials of old"


@pytest.mark.parametrize("overrides", [{"epochs": 3}, {"seed": 1}, {"model.cvsta": False}])
def test_trials_that_differ_in_anything_else_are_not_taken(study_of, home: Home, overrides):
    run(home, study_of(study="old", search=SEARCH, overrides=overrides), {0.05: State.COMPLETE})

    (earlier,) = earlier_trials(Planner(study_of(search=WARM), home.data), home)

    assert earlier.observations == []


def test_trials_of_an_ablation_are_taken_too(study_of, home: Home):
    variants = {"variants": {"slow": {"optimizer.lr": 0.02}}, "seeds": 1}
    run(home, study_of(study="old", ablation=variants), {0.02: State.COMPLETE})

    (earlier,) = earlier_trials(Planner(study_of(search=WARM), home.data), home)

    assert [params for params, _ in earlier.observations] == [{"optimizer.lr": 0.02}]


def test_a_study_that_never_ran_is_named_with_those_that_did(study_of, home: Home):
    run(home, study_of(study="older", search=SEARCH), {})

    with pytest.raises(SpecError, match=r"warm_start = 'old': .* known: older"):
        earlier_trials(Planner(study_of(search=WARM), home.data), home)


def test_what_is_known_is_no_trial_of_the_search_and_is_not_trained_again(study_of, home: Home):
    two = {"optimizer.lr": {"choice": [0.05, 0.1]}}
    run(home, study_of(study="old", search=SEARCH), {0.05: State.COMPLETE})
    study = study_of(search=WARM | {"space": two})
    planner, log = Planner(study, home.data), StudyLog(home.study("new").log).open()

    source = SearchSource(study.spec.search, planner, log, open_search(planner, log, home))

    assert source.next().params == {"optimizer.lr": 0.1}
    assert source.next() is None

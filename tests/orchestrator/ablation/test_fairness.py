from pathlib import Path

import pytest

from orchestrator.ablation.fairness import tuning_plans
from orchestrator.engine.errors import SpecError
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Planner, current_records, first_cells
from orchestrator.records import Role, State, StudyLog, TrialPlan
from tests.orchestrator.finished_study import finish, scores_with

CVSTA = {"components": {"cvsta": {"off": {"model.cvsta": False}}}, "seeds": 2}
SPACE = {"optimizer.lr": {"float": [0.01, 0.3], "log": True}, "batch_size": {"choice": [4, 8]}}
RETUNE = {"name": "retune", "trials": 4, "space": SPACE}


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


@pytest.fixture
def log(folder: StudyFolder) -> StudyLog:
    return StudyLog(folder.log).open()


def rate(plan: TrialPlan) -> float:
    value: float = plan.config["optimizer"]["lr"]
    return value


def test_without_fairness_nothing_is_tuned(study_of, data_root):
    study = study_of(ablation=CVSTA)

    assert tuning_plans(study, Planner(study, data_root)) == []


def test_every_variant_tries_multiples_of_its_rate_with_a_seed_of_its_own(study_of, data_root):
    study = study_of(ablation=CVSTA | {"fairness": "retune_lr"})

    plans = tuning_plans(study, Planner(study, data_root))

    assert [plan.variant for plan in plans] == ["baseline"] * 3 + ["cvsta=off"] * 3
    assert [rate(plan) for plan in plans[:3]] == pytest.approx([0.015, 0.05, 0.15])
    assert {plan.seed for plan in plans} == {1000}
    assert {plan.role for plan in plans} == {Role.TUNING}


def test_every_variant_tries_the_same_points_its_own_values_first(study_of, data_root):
    study = study_of(ablation=CVSTA | {"fairness": RETUNE})

    plans = tuning_plans(study, Planner(study, data_root))

    assert len(plans) == 8
    ours, theirs = plans[:4], plans[4:]
    assert [plan.params for plan in ours] == [plan.params for plan in theirs]
    assert ours[0].params == {}
    assert len({rate(plan) for plan in ours}) == 4
    assert all(0.01 <= rate(plan) <= 0.3 for plan in ours)


def test_cells_wait_for_the_tries_of_their_variant_and_take_the_best(
    study_of, data_root, folder: StudyFolder, log: StudyLog
):
    study = study_of(ablation=CVSTA | {"fairness": "retune_lr"})
    planner = Planner(study, data_root)
    plans = tuning_plans(study, planner)
    for plan, right in zip(plans[:3], (10, 20, 30), strict=True):
        log.plan(plan)
        finish(log, folder, plan, scores_with(right))

    cells = first_cells(study, planner, log)

    assert [cell.variant.name for cell in cells] == ["baseline", "baseline"]
    assert [rate(cell.plans[0]) for cell in cells] == pytest.approx([0.15, 0.15])


def test_a_variant_whose_tries_all_failed_keeps_its_values(study_of, data_root, log: StudyLog):
    study = study_of(ablation=CVSTA | {"fairness": "retune_lr"})
    planner = Planner(study, data_root)
    for plan in tuning_plans(study, planner):
        log.plan(plan)
        log.end(plan.id, State.DIVERGED)

    cells = first_cells(study, planner, log)

    assert {rate(cell.plans[0]) for cell in cells} == {0.05}


def test_tries_are_current_records_of_the_study(study_of, data_root, log: StudyLog):
    study = study_of(ablation=CVSTA | {"fairness": "retune_lr"})
    planner = Planner(study, data_root)
    for plan in tuning_plans(study, planner):
        log.plan(plan)
    log.use_data(planner.digests)

    assert len(current_records(study, log)) == 6


def test_variants_are_not_tuned_on_the_test_split(study_of, data_root):
    study = study_of(
        overrides={"select_on": "test"},
        objective={"metric": "test/top1"},
        ablation=CVSTA | {"fairness": "retune_lr"},
    )

    with pytest.raises(SpecError, match="needs a trial with select_on: val"):
        tuning_plans(study, Planner(study, data_root))

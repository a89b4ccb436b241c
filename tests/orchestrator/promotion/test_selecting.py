from __future__ import annotations

import numpy as np
import pytest

from orchestrator.choice import By
from orchestrator.engine.errors import SkelTuneError
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Planner
from orchestrator.promotion.choosing import Wish
from orchestrator.promotion.selecting import Selection, require_configuration
from orchestrator.records import Role, StudyLog
from tests.orchestrator.finished_study import finish, finished, scores_with

SEARCH = {"trials": 3, "space": {"optimizer.lr": {"float": [1e-3, 0.3], "log": True}}}
RATES = (0.01, 0.05, 0.1)
FOUND = (20, 30, 28)
"""Clips that each point of the search has right, of 40: the second was lucky."""
AGAIN = (20, 22, 29)
"""What each is worth."""
ABLATION = {"variants": {"wide": {"model.width": 8}}, "seeds": 2}


class Searched:
    """A search that has run, and what its points do when they are trained again."""

    def __init__(self, study, data_root, folder: StudyFolder) -> None:
        self.study, self.folder = study, folder
        self.planner, self.log = Planner(study, data_root), StudyLog(folder.journal()).open()
        self.trained: list[str] = []
        for number, (rate, right) in enumerate(zip(RATES, FOUND, strict=True)):
            name = f"trial {number:03d}"
            plan = self.planner.plan(name, Role.SEARCH, name, {"optimizer.lr": rate})
            finish(self.log, folder, self.log.plan(plan).plan, scores_with(right))
        self.log.use_data(self.planner.digests)

    def select(self, **wishes) -> Selection:
        return Selection(self.study, self.log, self.folder, self.planner, Wish(**wishes))

    def train(self, plans) -> bool:
        for plan in plans:
            record = self.log.plan(plan)
            if not record.state.is_final:
                right = AGAIN[RATES.index(plan.params["optimizer.lr"])]
                finish(self.log, self.folder, plan, scores_with(right, order=plan.seed))
                self.trained.append(plan.id)
        return True


@pytest.fixture
def folder(tmp_path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


@pytest.fixture
def searched(study_of, data_root, folder) -> Searched:
    return Searched(study_of(search=SEARCH), data_root, folder)


def test_a_lucky_point_does_not_win_against_its_replicas(searched):
    choice = searched.select(num_replicated=2, num_seeds=3).choice(searched.train)

    assert choice.winner.variant == "trial 002"
    assert [c.variant for c in choice.candidates] == ["trial 002", "trial 001"]
    assert choice.winner.value == pytest.approx(100 * 29 / 40)  # without the search's own value
    assert choice.winner.seeds == 3


def test_replicas_are_trials_of_the_study_and_trained_once(searched):
    for _ in range(2):
        searched.select(num_replicated=2, num_seeds=3).choice(searched.train)

    replicas = searched.log.of_role(Role.REPLICA)
    assert len(searched.trained) == len(replicas) == 6
    assert {record.plan.seed for record in replicas} == {1, 2, 3}
    assert len(searched.log.of_role(Role.SEARCH)) == 3


def test_a_stopped_training_of_replicas_chooses_nothing(searched):
    assert searched.select().choice(lambda plans: False) is None


def test_without_training_the_choice_says_that_its_figure_is_too_high(searched):
    choice = searched.select().choice(train=None)

    assert choice.winner.variant == "trial 001"
    assert "not replicated, so likely too high" in choice.why
    assert searched.log.of_role(Role.REPLICA) == []


def test_no_replicas_are_trained_where_none_are_wanted(searched):
    choice = searched.select(num_replicated=0).choice(searched.train)

    assert choice.winner.variant == "trial 001"
    assert searched.trained == []


def test_the_user_may_name_a_trial_by_the_beginning_of_its_id(searched):
    worst = searched.log.of_role(Role.SEARCH)[0].plan

    choice = searched.select(trial=worst.id[:6]).choice(searched.train)

    assert choice.winner.changes == {"optimizer.lr": 0.01}
    assert searched.trained == []
    with pytest.raises(SkelTuneError, match="no complete trial"):
        searched.select(trial="nothing").choice(searched.train)


def test_weights_are_for_several_objectives(searched):
    with pytest.raises(SkelTuneError, match="val/macs"):
        searched.select(weights={"val/macs": 1.0}).choice(searched.train)


def test_several_objectives_need_a_weight_each(study_of, data_root, folder):
    further = [{"metric": "macs", "mode": "min"}]
    study = study_of(search=SEARCH | {"further_objectives": further})
    searched = Searched(study, data_root, folder)

    with pytest.raises(SkelTuneError, match="--weights macs=1 --weights val/top1=1"):
        searched.select().choice(searched.train)
    choice = searched.select(weights={"val/top1": 1.0, "macs": 1.0}).choice(searched.train)

    assert choice.figure == "weighted score"
    assert choice.winner.changes == {"optimizer.lr": 0.05}  # alone on the front: all cost the same
    assert np.isfinite(choice.winner.value)


def test_an_ablation_is_chosen_from_as_it_is(study_of, data_root, folder):
    study = study_of(ablation=ABLATION)
    right = {"baseline": 30, "wide": 34}
    finished(study, data_root, folder, lambda cell: right[cell.variant.name])
    log, planner = StudyLog(folder.journal()), Planner(study, data_root)

    choice = Selection(study, log, folder, planner, Wish(by=By.LOWER_BOUND)).choice(train=None)

    assert choice.winner.variant == "wide"
    assert choice.winner.bound < 85.0


def test_a_population_is_refused_with_what_can_be_done(study_of):
    scheduler = {"name": "pbt", "generations": 2}
    study = study_of(search=SEARCH | {"trials": 4, "scheduler": scheduler})

    with pytest.raises(SkelTuneError, match="What can be done: write the winner's values"):
        require_configuration(study)

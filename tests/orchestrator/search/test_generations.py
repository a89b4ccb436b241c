"""A population on made-up scores: nothing is trained, but weights are handed on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from orchestrator.engine.errors import SpecError
from orchestrator.engine.files import TrialFiles
from orchestrator.home import Home, StudyFolder
from orchestrator.planning.trials import Planner, current_records
from orchestrator.records import State, StudyLog, TrialPlan
from orchestrator.search.generations import PopulationSource
from orchestrator.search.population import population_of
from orchestrator.sources import new_search

RATES = {"optimizer.lr": {"float": [0.01, 0.3], "log": True}}
SEARCH = {"trials": 12, "space": RATES, "scheduler": {"name": "pbt", "generations": 3}}


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


class Search:
    """A study that trains a trial at a time, as long as there is one."""

    def __init__(self, study, data_root: Path, folder: StudyFolder) -> None:
        self.study, self.folder, self.log = study, folder, StudyLog(folder.log).open()
        planner = Planner(study, data_root)
        first = new_search(planner, Home(folder.root))
        self.source = PopulationSource(population_of(study), planner, self.log, folder, first)

    def run(self, most: int = 1000) -> list[TrialPlan]:
        done: list[TrialPlan] = []
        while len(done) < most and (plan := self.source.next()) is not None:
            self.finish(plan)
            done.append(plan)
        return done

    def finish(self, plan: TrialPlan, state: State = State.COMPLETE) -> None:
        """The nearer the rate to 0.1, the better; the first epoch always looks best."""
        files = TrialFiles(self.folder.trial(plan.id))
        files.root.mkdir(parents=True, exist_ok=True)
        files.last.write_text(f"weights of {plan.id}")
        worth = 50 - 100 * abs(plan.params["optimizer.lr"] - 0.1)
        self.log.start(plan.id)
        for epoch, value in enumerate((99.0, worth)):
            self.log.epoch(plan.id, {"epoch": epoch, "val/top1": value})
        self.log.end(plan.id, state, {})


@pytest.fixture
def begin(study_of, data_root: Path, folder: StudyFolder):
    """The search, or what it goes on as after a restart."""
    study, begun = study_of(search=SEARCH, overrides={"epochs": 6}), []

    def begin(folder: StudyFolder = folder) -> Search:
        begun.append(Search(study, data_root, folder))
        return begun[-1]

    yield begin
    for search in begun:
        search.log.close()


def parent_of(plan: TrialPlan) -> str | None:
    weights = plan.config["init_weights"]
    return weights and Path(weights["file"]).parent.name


def test_a_population_trains_generation_after_generation_for_its_share_of_the_epochs(begin):
    plans = begin().run()

    generations = [plan.name.split()[0] for plan in plans]
    assert generations == ["g0"] * 4 + ["g1"] * 4 + ["g2"] * 4
    assert {plan.config["epochs"] for plan in plans} == {2}
    assert [plan.seed for plan in plans] == list(range(12))


def test_the_first_generation_starts_afresh_and_all_others_from_a_parents_last_weights(begin):
    plans = begin().run()

    parents = [parent_of(plan) for plan in plans]
    assert parents[:4] == [None] * 4
    assert set(parents[4:8]) <= {plan.id for plan in plans[:4]}
    assert set(parents[8:]) <= {plan.id for plan in plans[4:8]}
    for plan, parent in zip(plans[4:], parents[4:], strict=True):
        digest = hashlib.sha256(f"weights of {parent}".encode()).hexdigest()
        assert plan.config["init_weights"]["sha256"] == digest


def test_the_worst_by_its_last_epoch_copies_the_best_and_says_so_in_its_name(begin):
    plans = begin().run(8)

    distance = [abs(plan.params["optimizer.lr"] - 0.1) for plan in plans[:4]]
    worst, best = distance.index(max(distance)), distance.index(min(distance))
    assert parent_of(plans[4 + worst]) == plans[best].id
    assert plans[4 + worst].name == f"g1 member {worst:02d} from {best:02d}"
    assert plans[4 + best].params == plans[best].params
    assert plans[4 + best].name == f"g1 member {best:02d}"


def test_nothing_is_planned_of_a_generation_while_the_one_before_trains(begin):
    search = begin()
    search.run(3)
    running = search.source.next()

    assert search.source.next() is None
    assert search.source.is_waiting
    assert search.source.num_left == 8
    search.finish(running)
    assert not search.source.is_waiting
    assert search.source.next().name.startswith("g1")


@pytest.mark.parametrize("stop", [2, 4, 5, 8, 11])
def test_a_search_that_was_stopped_plans_what_it_would_have_planned(begin, tmp_path: Path, stop):
    whole = begin(StudyFolder(tmp_path / "whole")).run()
    begun = begin().run(stop)

    both = begun + begin().run()

    assert [(p.id, p.name, p.params) for p in both] == [(p.id, p.name, p.params) for p in whole]


def test_a_search_that_is_over_has_nothing_left_and_plans_nothing(begin):
    search = begin()
    search.run()
    events = search.folder.log.read_bytes()

    again = begin()

    assert (again.source.num_left, again.run()) == (0, [])
    assert again.folder.log.read_bytes() == events


def test_a_member_that_diverged_copies_another_whatever_it_was_worth(begin):
    search = begin()
    diverged, *others = [search.source.next() for _ in range(4)]
    search.finish(diverged, State.DIVERGED)
    for plan in others:
        search.finish(plan)

    heir = search.source.next()

    assert heir.name.startswith("g1 member 00 from")
    assert parent_of(heir) in {plan.id for plan in others}


def test_a_population_that_has_failed_wholly_ends(begin):
    search = begin()
    while (plan := search.source.next()) is not None:
        search.finish(plan, State.FAILED)

    assert len(search.log.records) == 4
    assert (search.source.total, search.source.num_left, search.source.is_waiting) == (4, 0, False)


def test_every_trial_of_the_population_belongs_to_the_study_until_it_asks_for_others(
    begin, study_of
):
    search = begin()
    search.run()

    longer = study_of(search=SEARCH, overrides={"epochs": 9})

    assert len(current_records(search.study, search.log)) == 12
    assert current_records(longer, search.log) == []


def test_a_space_with_fewer_points_than_members_is_refused(study_of, data_root, tmp_path: Path):
    space = {"optimizer.lr": {"choice": [0.1, 0.2]}}
    search = SEARCH | {"space": space, "sampler": {"name": "quasi_random"}}
    study = study_of(search=search, overrides={"epochs": 6})
    planner, log = Planner(study, data_root), StudyLog(tmp_path / "events.jsonl")
    first = new_search(planner, Home(tmp_path))

    with pytest.raises(SpecError, match="2 points for a population of 4"):
        PopulationSource(population_of(study), planner, log, StudyFolder(tmp_path), first)

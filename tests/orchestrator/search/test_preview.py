from pathlib import Path

import pytest

from orchestrator.home import Home
from orchestrator.planning.trials import Planner
from orchestrator.records import Role, State, StudyLog
from orchestrator.search.preview import search_preview

RULE = {"left": "epochs", "op": "<=", "right": "batch_size"}
INTS = {"epochs": {"int": [1, 3]}, "batch_size": {"int": [1, 3]}}
FLOATS = INTS | {"optimizer.lr": {"float": [0.1, 0.2]}}


@pytest.fixture
def notes_of(study_of, data_root: Path, tmp_path: Path):
    """The notes below the preview of a search."""
    log = StudyLog(tmp_path / "events.jsonl").open()

    def notes(log: StudyLog = log, **search: object) -> str:
        study = study_of(search={"trials": 5, "space": INTS} | search)
        planner = Planner(study, data_root)
        return "\n".join(search_preview(study, planner, log, Home(tmp_path)).notes)

    notes.log = log
    return notes


def test_the_points_of_a_countable_space_are_counted(notes_of):
    assert "The space has 9 points." in notes_of()


def test_the_points_that_constraints_leave_are_counted(notes_of):
    assert "The space has 6 points with epochs <= batch_size." in notes_of(constraints=[RULE])


def test_of_a_space_that_cannot_be_counted_the_share_is_told(notes_of):
    told = notes_of(space=FLOATS, constraints=[RULE])

    assert "About 67 % of the space is left by epochs <= batch_size." in told


def test_the_points_of_the_file_are_told(notes_of):
    points = [{"epochs": 2}, {"epochs": 3}]

    assert "Points of the file, tried first: 2." in notes_of(points=points)


def test_what_is_looked_for_and_when_it_ends_is_told(notes_of):
    further = [{"metric": "macs", "mode": "min"}]

    told = notes_of(stop={"hours": 2, "patience": 9}, further_objectives=further)

    assert "Objectives: val/top1 (max), macs (min)." in told
    assert "Ends early after 2 h or 9 trials without progress." in told


def test_of_a_population_its_size_times_its_generations_is_told(notes_of):
    pbt = {"trials": 12, "scheduler": {"name": "pbt", "generations": 4}}

    told = notes_of(space={"optimizer.lr": {"float": [0.1, 0.2]}}, **pbt)

    assert "12 trials: a population of 3, first drawn by tpe, times 4 generations of 1" in told


def test_a_search_that_has_had_enough_says_why(notes_of, study_of, data_root: Path):
    study = study_of(search={"trials": 5, "space": INTS})
    for epochs in (1, 2):
        plan = Planner(study, data_root).plan("p", Role.SEARCH, "", {"epochs": epochs} | SIZE)
        notes_of.log.plan(plan)
        notes_of.log.epoch(plan.id, {"epoch": 0, "val/top1": 50.0})
        notes_of.log.end(plan.id, State.COMPLETE, {})

    told = notes_of(stop={"patience": 1})

    assert "2 of 2 trials have ended." in told
    assert "No more are started: 1 trials in a row brought no progress (patience 1)." in told


SIZE = {"batch_size": 1}

"""A race of seeds on made-up scores: nothing is trained."""

from pathlib import Path

import numpy as np
import pytest

from orchestrator.ablation.racing import RaceSource
from orchestrator.ablation.results import results_of
from orchestrator.choice import choose
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Planner
from orchestrator.records import State, StudyLog, TrialPlan
from tests.orchestrator.finished_study import finish, scores_with

COMPONENTS = {"rdl": {"off": {"loss.embedding": None}}, "cvsta": {"off": {"model.cvsta": False}}}
RACE = {"components": COMPONENTS, "seeds": {"min": 3, "max": 8}}


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


def num_right(plan: TrialPlan) -> int:
    """`rdl=off` is far worse with every seed; `cvsta=off` is now better, now worse."""
    noise = int(np.random.default_rng(plan.seed).integers(0, 2))
    return {"baseline": 36, "rdl=off": 12, "cvsta=off": 34 + 4 * (plan.seed % 2)}[
        plan.variant
    ] + noise


class Race:
    """A study that trains a training at a time, as long as there is one."""

    def __init__(self, study, data_root: Path, folder: StudyFolder) -> None:
        self.log, self.folder = StudyLog(folder.log).open(), folder
        planner = Planner(study, data_root)
        planner.store(study.baseline)
        self.log.use_data(planner.digests)
        self.source = RaceSource(study, planner, self.log, folder)

    def run(self, most: int = 1000) -> list[tuple[str, int]]:
        done = []
        while len(done) < most and (plan := self.source.next()) is not None:
            finish(self.log, self.folder, plan, scores_with(num_right(plan)))
            done.append((plan.variant, plan.seed))
        return done


def test_all_variants_run_the_first_seeds(study_of, data_root, folder):
    race = Race(study_of(ablation=RACE), data_root, folder)

    first = race.run(9)

    assert first == [
        (variant, seed) for seed in range(3) for variant in ("baseline", "rdl=off", "cvsta=off")
    ]


def test_a_settled_variant_gets_no_more_seeds_and_an_open_one_does(study_of, data_root, folder):
    race = Race(study_of(ablation=RACE), data_root, folder)

    more = race.run()[9:]

    seeds = {name: [s for variant, s in more if variant == name] for name, _ in more}
    assert len(seeds.get("rdl=off", [])) < len(seeds["cvsta=off"])
    assert seeds["baseline"] == seeds["cvsta=off"]
    assert race.source.total == 9 + len(more)


def test_nothing_more_is_planned_while_a_round_runs(study_of, data_root, folder):
    race = Race(study_of(ablation=RACE), data_root, folder)
    race.run(8)
    running = race.source.next()

    assert race.source.next() is None
    assert race.source.is_waiting
    finish(race.log, folder, running, scores_with(num_right(running)))
    assert not race.source.is_waiting
    assert race.source.next() is not None


@pytest.mark.parametrize("stop", [4, 9, 10, 11, 14])
def test_a_race_that_was_stopped_goes_on_as_it_would_have_gone_on(
    study_of, data_root, tmp_path: Path, stop
):
    study = study_of(ablation=RACE)
    whole = Race(study, data_root, StudyFolder(tmp_path / "whole")).run()
    half = StudyFolder(tmp_path / "half")
    begun = Race(study, data_root, half).run(stop)

    assert begun + Race(study, data_root, half).run() == whole


def test_a_failed_training_does_not_hold_up_the_race(study_of, data_root, folder):
    race = Race(study_of(ablation=RACE), data_root, folder)
    race.run(8)
    race.log.end(race.source.next().id, State.FAILED)

    assert race.source.next() is not None


def test_a_variant_that_is_settled_early_can_win(study_of, data_root, folder):
    study = study_of(ablation=RACE)
    race = Race(study, data_root, folder)
    right = {"baseline": 12, "rdl=off": 38}
    while (plan := race.source.next()) is not None:
        finish(race.log, folder, plan, scores_with(right.get(plan.variant, num_right(plan) - 23)))

    choice = choose(study, race.log, folder)

    assert (choice.variant, choice.seeds) == ("rdl=off", 3)
    assert results_of(study, race.log, folder).row("baseline").num_open == 0


def test_a_stream_that_another_variant_trains_is_no_open_cell(study_of, data_root, folder):
    variants = {"motion": {"streams": ["joint", "joint_motion"]}, "noisy": {"data.noise": 0.1}}
    streams = {"streams": ["joint", "bone"], "variants": variants}
    study = study_of(ablation=streams | {"seeds": {"min": 3, "max": 5}})
    race = Race(study, data_root, folder)
    while (plan := race.source.next()) is not None:
        alone = plan.config["data"]["stream"] == "joint_motion"
        noise = 6 * (plan.seed % 2) * (plan.variant == "noisy")
        finish(race.log, folder, plan, 10 * scores_with(1) if alone else scores_with(30 + noise))

    rows = results_of(study, race.log, folder).rows

    assert [row.num_open for row in rows] == [0, 0, 0]
    assert len(rows[1].cells) < len(rows[0].cells)

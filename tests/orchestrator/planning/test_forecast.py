"""Hours, wall time and disk from timed steps."""

from pathlib import Path

import pytest

from orchestrator.engine.probe import Probe, Spread
from orchestrator.planning.forecast import (
    Job,
    Machine,
    Workload,
    forecast,
    forecast_of,
    makespan,
    workload,
)
from orchestrator.planning.trials import Planner, first_cells
from orchestrator.records import State, StudyLog
from orchestrator.sources import CellSource
from orchestrator.spec import Resources

CVSTA = {"components": {"cvsta": {"off": {"model.cvsta": False}}}}
HOUR = 3600.0
# an epoch has one step of half an hour, one hour or two hours, and nothing else takes time
TIMED = Probe(
    start=0.0,
    step=Spread(HOUR / 2, HOUR, 2 * HOUR),
    evaluation=Spread(0.0, 0.0, 0.0),
    save=0.0,
    num_steps=1,
    num_eval_batches=1,
    peak_memory_mb=300.0,
    state_bytes=100,
    weights_bytes=10,
    predictions_bytes=5,
)


@pytest.fixture
def log(tmp_path: Path) -> StudyLog:
    return StudyLog(tmp_path / "events.jsonl").open()


def work_of(least: int, most: int | None = None) -> Workload:
    jobs = [Job("shape", epochs=1)]
    return Workload([jobs * least], [jobs * (most or least)], {})


def test_trials_fill_the_slots_in_their_order():
    assert makespan([3, 1, 1, 1, 4], slots=2) == 7  # 3 | 1 1 1, then 4 on either
    assert makespan([], slots=2) == 0


@pytest.mark.parametrize(
    ("machine", "resources", "slots"),
    [
        (Machine(8, 0), Resources(cpu=2), 4),
        (Machine(8, 0, max_concurrent=3), Resources(cpu=2), 3),
        (Machine(16, 2), Resources(cpu=1, gpu=0.25), 8),
        (Machine(4, 2), Resources(cpu=1, gpu=0.25), 4),
    ],
)
def test_slots_are_what_fits_at_a_time(machine, resources, slots):
    assert machine.slots(resources) == slots


def test_a_machine_on_which_no_trial_fits_is_refused():
    with pytest.raises(ValueError, match="asks for 1 CPU and 1 GPU, and there are 4 CPU and 0 GPU"):
        Machine(4, 0).slots(Resources(gpu=1))


def test_core_hours_are_those_of_all_trials_and_wall_time_of_the_longest_slot():
    found = forecast_of(work_of(5), {"shape": TIMED}, Resources(cpu=2), slots=2)

    assert found.core_hours == (5.0, 10.0, 20.0)
    assert found.wall_hours == (1.5, 3.0, 6.0)
    assert found.gpu_hours == (0.0, 0.0, 0.0)
    assert found.disk_bytes == (5 * 130, 5 * 130)  # 100 + 2 * (10 + 5) a trial


def test_trials_that_share_a_gpu_may_slow_each_other():
    found = forecast_of(work_of(4), {"shape": TIMED}, Resources(gpu=0.25), slots=4)

    assert found.gpu_hours == (0.5, 1.0, 8.0)
    assert found.wall_hours == (0.5, 1.0, 8.0)


def test_what_is_open_has_no_middle():
    found = forecast_of(work_of(2, 6), {"shape": TIMED}, Resources(), slots=1)

    assert found.core_hours == (1.0, None, 12.0)
    assert found.trainings == (2, 6)


def test_finished_trainings_are_not_forecast(study_of, data_root: Path, log: StudyLog):
    study = study_of(ablation=CVSTA | {"seeds": 2})
    planner = Planner(study, data_root)
    plans = [plan for cell in first_cells(study, planner, log) for plan in cell.plans]
    source = CellSource(plans, log)
    log.end(source.next().id, State.COMPLETE, {})

    work = workload(study, planner, log)

    assert sum(map(len, work.least)) == 3
    assert len(work.shapes) == 2


def test_streams_and_seeds_are_of_one_shape(study_of, data_root: Path, log: StudyLog):
    ablation = {"variants": {"slow": {"optimizer.lr": 0.01}}, "streams": ["joint", "bone"]}
    study = study_of(ablation=ablation | {"seeds": 2})

    work = workload(study, Planner(study, data_root), log)

    assert (sum(map(len, work.least)), len(work.shapes)) == (8, 1)


def test_a_race_of_seeds_is_between_its_fewest_and_its_most(study_of, data_root: Path, log):
    study = study_of(ablation=CVSTA | {"seeds": {"min": 2, "max": 5}})

    work = workload(study, Planner(study, data_root), log)

    assert [sum(map(len, phases)) for phases in (work.least, work.most)] == [4, 10]


def test_tuning_is_a_phase_before_the_cells(study_of, data_root: Path, log: StudyLog):
    study = study_of(ablation=CVSTA | {"seeds": 1, "fairness": "retune_lr"})

    work = workload(study, Planner(study, data_root), log)

    assert list(map(len, work.least)) == [6, 2]  # three rates for each of two variants


def test_a_search_is_between_all_stopped_at_the_first_rung_and_none(study_of, data_root, log):
    search = {"trials": 5, "space": {"optimizer.lr": {"float": [0.01, 0.3]}}}
    study = study_of(search=search | {"scheduler": {"name": "asha", "grace_epochs": 1}})

    work = workload(study, Planner(study, data_root), log)

    assert [job.epochs for job in work.least[0]] == [1] * 5
    assert [job.epochs for job in work.most[0]] == [4] * 5


def test_a_member_of_a_population_trains_for_one_generation(study_of, data_root: Path, log):
    search = {"trials": 4, "space": {"optimizer.lr": {"float": [0.01, 0.3]}}}
    study = study_of(search=search | {"scheduler": {"name": "pbt", "generations": 2}})

    work = workload(study, Planner(study, data_root), log)

    assert [job.epochs for job in work.least[0]] == [2] * 4
    assert work.least == work.most


@pytest.mark.slow
def test_shapes_are_timed_in_processes_of_their_own(study_of, data_root: Path, log: StudyLog):
    study = study_of(ablation={"variants": {"slow": {"optimizer.lr": 0.01}}, "seeds": 1})

    found = forecast(study, Planner(study, data_root), log, Machine(2, 0), seconds=0.1)

    assert found.trainings == (2, 2)
    assert 0 < found.core_hours[0] < 0.1
    assert found.wall_hours[1] == pytest.approx(found.core_hours[1] / 2)

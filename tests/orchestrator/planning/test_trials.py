from pathlib import Path

import pytest

from orchestrator.ablation.cells import check_distinct
from orchestrator.engine.errors import SpecError
from orchestrator.home import Home
from orchestrator.planning.trials import Planner, current_records, first_cells, plan_of
from orchestrator.records import Role, State, StudyLog, TrialPlan
from orchestrator.sources import CellSource, SearchSource, open_search
from orchestrator.spec import Study

CVSTA = {"components": {"cvsta": {"off": {"model.cvsta": False}}}}
RATES = {"optimizer.lr": {"float": [0.01, 0.3], "log": True}}


@pytest.fixture
def log(tmp_path: Path) -> StudyLog:
    return StudyLog(tmp_path / "events.jsonl").open()


def cells(study: Study, planner: Planner) -> list[TrialPlan]:
    """The trainings of a study that has not begun."""
    found = first_cells(study, planner, StudyLog(Path("none")))
    check_distinct(study, found)
    return [plan for cell in found for plan in cell.plans]


def reopened(log: StudyLog) -> StudyLog:
    return StudyLog(log.journal).open()


def search_of(study: Study, log: StudyLog, data_root: Path) -> SearchSource:
    planner, home = Planner(study, data_root), Home(data_root)
    return SearchSource(study.spec.search, planner, log, open_search(planner, log, home))


def drain(source: SearchSource | CellSource) -> list:
    plans = []
    while (plan := source.next()) is not None:
        plans.append(plan)
    return plans


def finish(log: StudyLog, trial: str) -> None:
    log.start(trial)
    log.epoch(trial, {"epoch": 0, "val/top1": 50.0})
    log.end(trial, State.COMPLETE, {})


def grid_of(number: int) -> dict[str, object]:
    space = {"epochs": {"int": [1, number]}}
    return {"trials": number, "sampler": {"name": "grid"}, "space": space}


def test_cells_are_every_variant_with_every_seed_seed_by_seed(study_of, data_root: Path):
    study = study_of(ablation=CVSTA | {"seeds": [3, 5]})

    plans = cells(study, Planner(study, data_root))

    assert [(plan.variant, plan.seed) for plan in plans] == [
        ("baseline", 3),
        ("cvsta=off", 3),
        ("baseline", 5),
        ("cvsta=off", 5),
    ]
    assert plans[1].name == "cvsta=off seed 3"
    assert plans[1].params == {"model.cvsta": False}
    assert plans[1].config["model"]["cvsta"] is False
    assert {plan.role for plan in plans} == {Role.CELL}


def test_a_cell_is_identified_by_its_configuration_seed_and_data(study_of, data_root: Path):
    study = study_of(ablation=CVSTA | {"seeds": 2})
    planner = Planner(study, data_root)

    plans = cells(study, planner)

    assert len({plan.id for plan in plans}) == 4
    config = study.config({"seed": 1}, "baseline")
    assert plans[2].id == config.digest(planner.store(config).digest)


def test_the_ids_are_the_same_when_planned_again_and_under_another_design(study_of, data_root):
    study = study_of(ablation=CVSTA | {"seeds": 2})
    first = {plan.id for plan in cells(study, Planner(study, data_root))}
    wider = study_of(study="other", ablation=CVSTA | {"design": "factorial", "seeds": 3})

    again = {plan.id for plan in cells(wider, Planner(wider, data_root))}

    assert first < again


@pytest.mark.parametrize(
    ("variants", "twin"),
    [
        ({"same": {"model.cvsta": True}}, "baseline"),
        ({"one": {"epochs": 2}, "same": {"epochs": 2.0}}, "one"),
    ],
)
def test_a_variant_that_changes_nothing_is_an_error(study_of, data_root: Path, variants, twin):
    study = study_of(ablation={"variants": variants})

    with pytest.raises(SpecError, match=f"variant same: is the same training as '{twin}'"):
        cells(study, Planner(study, data_root))


def test_a_variant_with_a_bad_change_is_named(study_of, data_root: Path):
    study = study_of(ablation={"variants": {"odd": {"model.widht": 8}}})

    with pytest.raises(SpecError, match=r"odd.*\n.*model\.widht = 8: unknown key"):
        cells(study, Planner(study, data_root))


def test_a_seed_named_twice_is_refused(study_of):
    with pytest.raises(SpecError, match="seeds"):
        study_of(ablation=CVSTA | {"seeds": [1, 1]})


def test_two_variants_of_one_name_are_not_mixed_up(study_of, data_root: Path):
    def plan() -> None:
        study = study_of(ablation=CVSTA | {"variants": {"cvsta=off": {"model.width": 8}}})
        cells(study, Planner(study, data_root))

    with pytest.raises(SpecError, match="cvsta=off"):
        plan()


def test_a_plan_keeps_the_whole_configuration(study_of, data_root: Path):
    study = study_of(ablation=CVSTA)
    store = Planner(study, data_root).store(study.baseline)

    plan = plan_of(study.baseline, store, "alone", Role.SINGLE)

    assert plan.config == study.baseline.plain()
    assert (plan.seed, plan.data_digest, plan.params) == (0, store.digest, {})


def test_the_cell_source_gives_every_cell_once_and_logs_it(study_of, data_root: Path, log):
    study = study_of(ablation=CVSTA | {"seeds": 2})
    source = CellSource(cells(study, Planner(study, data_root)), log)

    plans = drain(source)

    assert [plan.id for plan in plans] == list(log.records)
    assert (source.total, source.num_left) == (4, 0)


def test_the_cell_source_passes_over_final_cells_and_gives_open_ones_again(
    study_of, data_root: Path, log: StudyLog
):
    study = study_of(ablation=CVSTA | {"seeds": 2})
    plans = cells(study, Planner(study, data_root))
    ids = [plan.id for plan in drain(CellSource(plans, log))]
    finish(log, ids[0])
    log.end(ids[1], State.DIVERGED)
    log.start(ids[2])
    log.end(ids[3], State.INTERRUPTED)

    source = CellSource(plans, reopened(log))

    assert source.num_left == 2
    assert [plan.id for plan in drain(source)] == ids[2:]


def planned(study: Study, data_root: Path, log: StudyLog) -> None:
    """As a run does it before anything starts."""
    planner = Planner(study, data_root)
    CellSource(cells(study, planner), log)
    log.use_data(planner.digests)


def current_of(study: Study, log: StudyLog) -> list[tuple[str, int]]:
    return [(record.plan.variant, record.plan.seed) for record in current_records(study, log)]


def test_the_records_of_a_study_that_did_not_change_are_all_current(study_of, data_root, log):
    study = study_of(ablation=CVSTA | {"seeds": 2})
    planned(study, data_root, log)

    assert current_of(study, log) == [
        ("baseline", 0),
        ("cvsta=off", 0),
        ("baseline", 1),
        ("cvsta=off", 1),
    ]


def test_records_of_another_trial_file_are_not_current(study_of, data_root: Path, log: StudyLog):
    before = study_of(ablation=CVSTA, overrides={"epochs": 3})
    planned(before, data_root, log)

    assert current_of(study_of(ablation=CVSTA), log) == []


def test_records_of_a_variant_that_now_means_something_else_are_not_current(
    study_of, data_root: Path, log: StudyLog
):
    before = study_of(ablation={"variants": {"wide": {"model.width": 8}}, "seeds": 1})
    planned(before, data_root, log)

    now = study_of(ablation={"variants": {"wide": {"model.width": 16}}, "seeds": 1})

    assert current_of(now, log) == [("baseline", 0)]


def test_records_of_a_variant_that_the_study_has_no_more_are_not_current(
    study_of, data_root: Path, log: StudyLog
):
    before = study_of(ablation=CVSTA | {"variants": {"wide": {"model.width": 8}}, "seeds": 1})
    planned(before, data_root, log)

    now = study_of(ablation=CVSTA | {"seeds": 1})

    assert current_of(now, log) == [("baseline", 0), ("cvsta=off", 0)]


def test_a_variant_that_got_another_name_keeps_its_trials(study_of, data_root: Path, log):
    before = study_of(ablation={"variants": {"wide": {"model.width": 8}}, "seeds": 1})
    planned(before, data_root, log)

    now = study_of(ablation={"variants": {"wider": {"model.width": 8}}, "seeds": 1})
    planned(now, data_root, log)

    assert current_of(now, log) == [("baseline", 0), ("wider", 0)]


def test_points_outside_a_changed_space_do_not_count_towards_the_trials(
    study_of, data_root: Path, log: StudyLog
):
    before = study_of(search={"trials": 3, "space": RATES})
    for plan in drain(search_of(before, log, data_root)):
        finish(log, plan.id)
    other = {"optimizer.lr": {"float": [0.5, 0.9]}}

    plans = drain(search_of(study_of(search={"trials": 3, "space": other}), log, data_root))

    assert len(plans) == 3
    assert all(plan.params["optimizer.lr"] >= 0.5 for plan in plans)


def test_the_search_source_gives_as_many_trials_as_asked_for(study_of, data_root: Path, log):
    study = study_of(search={"trials": 3, "space": RATES, "sampler": {"name": "random"}})
    source = search_of(study, log, data_root)

    plans = drain(source)

    assert [plan.name for plan in plans] == ["trial 000", "trial 001", "trial 002"]
    assert len({plan.id for plan in plans}) == 3
    assert (source.total, source.num_left) == (3, 0)
    assert all(plan.config["optimizer"]["lr"] == plan.params["optimizer.lr"] for plan in plans)


def test_a_resumed_search_gives_the_open_trials_first_and_then_new_ones(
    study_of, data_root: Path, log: StudyLog
):
    study = study_of(search={"trials": 4, "space": RATES})
    first = search_of(study, log, data_root)
    begun = [first.next() for _ in range(3)]
    finish(log, begun[1].id)
    log.start(begun[2].id)

    source = search_of(study, reopened(log), data_root)

    assert source.num_left == 3
    plans = drain(source)
    assert [plan.id for plan in plans[:2]] == [begun[0].id, begun[2].id]
    assert plans[2].name == "trial 003"
    assert plans[2].id not in {plan.id for plan in begun}
    assert len(plans) == 3


@pytest.mark.parametrize("sampler", ["random", "quasi_random", "tpe", "grid"])
def test_a_resumed_search_goes_on_as_it_would_have_gone_on(
    study_of, data_root: Path, tmp_path: Path, sampler
):
    space = {"epochs": {"int": [1, 9]}, "model.cvsta": {"choice": [True, False]}}
    search = {"trials": 6, "space": space, "sampler": {"name": sampler}}
    study = study_of(search=search)

    def run(log: StudyLog, number: int) -> list[dict[str, object]]:
        source, params = search_of(study, log, data_root), []
        for _ in range(number):
            plan = source.next()
            finish(log, plan.id)
            params.append(plan.params)
        return params

    whole = run(StudyLog(tmp_path / "whole.jsonl").open(), 6)
    half = StudyLog(tmp_path / "half.jsonl").open()

    assert run(half, 3) + run(reopened(half), 3) == whole


def test_a_longer_search_adds_trials_to_the_finished_ones(study_of, data_root: Path, log):
    short = study_of(search={"trials": 2, "space": RATES})
    for plan in drain(search_of(short, log, data_root)):
        finish(log, plan.id)
    longer = study_of(search={"trials": 5, "space": RATES})

    plans = drain(search_of(longer, reopened(log), data_root))

    assert [plan.name for plan in plans] == ["trial 002", "trial 003", "trial 004"]


@pytest.mark.parametrize("sampler", ["random", "quasi_random", "tpe", "gp", "nsga2", "grid"])
def test_a_space_with_fewer_points_than_trials_ends_the_search(
    study_of, data_root: Path, log: StudyLog, sampler
):
    space = {"model.cvsta": {"choice": [True, False]}}
    search = {"trials": 9, "space": space, "sampler": {"name": sampler}}

    plans = drain(search_of(study_of(search=search), log, data_root))

    assert sorted(plan.params["model.cvsta"] for plan in plans) == [False, True]


@pytest.mark.parametrize("sampler", ["random", "quasi_random", "tpe", "grid"])
def test_points_that_break_a_constraint_are_never_planned(study_of, data_root, log, sampler):
    rule = {"left": ["epochs", "batch_size"], "op": "<=", "right": 12}
    space = {"epochs": {"int": [1, 9]}, "batch_size": {"int": [1, 9]}}
    search = {"trials": 12, "space": space, "constraints": [rule], "sampler": {"name": sampler}}

    points = [p.params for p in drain(search_of(study_of(search=search), log, data_root))]

    assert len(points) == 12
    assert all(point["epochs"] * point["batch_size"] <= 12 for point in points)


def test_a_search_starts_with_the_configuration_of_its_trial(study_of, data_root, log):
    study = study_of(search={"trials": 2, "space": RATES, "points": ["trial"]})

    plans = drain(search_of(study, log, data_root))

    assert plans[0].config == study.baseline.plain()
    assert plans[1].config != plans[0].config


@pytest.mark.parametrize("stop", [{"patience": 2}, {"hours": 1e-9}], ids=["patience", "hours"])
def test_a_search_that_has_had_enough_stays_ended_after_a_restart(study_of, data_root, log, stop):
    search = {"trials": 9, "space": RATES, "sampler": {"name": "random"}}
    for _ in range(3):
        finish(log, search_of(study_of(search=search), log, data_root).next().id)

    source = search_of(study_of(search=search | {"stop": stop}), reopened(log), data_root)

    assert (source.total, source.num_left, source.next()) == (3, 0, None)


def test_what_was_left_open_is_finished_though_the_search_has_had_enough(
    study_of, data_root: Path, log: StudyLog
):
    search = {"trials": 9, "space": RATES, "sampler": {"name": "random"}}
    open_trial = search_of(study_of(search=search), log, data_root).next()
    log.start(open_trial.id)
    log.epoch(open_trial.id, {"epoch": 0, "val/top1": 50.0})

    hours = search | {"stop": {"hours": 1e-9}}
    source = search_of(study_of(search=hours), reopened(log), data_root)

    assert [plan.id for plan in drain(source)] == [open_trial.id]


def test_a_grid_is_walked_in_the_order_of_the_file_and_may_be_cut_short(study_of, data_root, log):
    study = study_of(search=grid_of(9) | {"trials": 3})

    plans = drain(search_of(study, log, data_root))

    assert [plan.params for plan in plans] == [{"epochs": 1}, {"epochs": 2}, {"epochs": 3}]


def test_a_long_grid_is_resumed_after_its_finished_points(study_of, data_root: Path, log):
    study = study_of(search=grid_of(54))
    source = search_of(study, log, data_root)
    for _ in range(52):
        finish(log, source.next().id)

    plans = drain(search_of(study, reopened(log), data_root))

    assert [plan.params["epochs"] for plan in plans] == [53, 54]

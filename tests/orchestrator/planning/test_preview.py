"""What a study would run, as a table and as a document."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.engine.errors import SpecError
from orchestrator.home import Home
from orchestrator.planning.digest import OtherPlanError, plan_digest, require_plan
from orchestrator.planning.preview import AblationPreview, Preview, preview
from orchestrator.planning.preview_table import preview_document, preview_table
from orchestrator.planning.trials import Planner, first_cells
from orchestrator.records import State, StudyLog
from orchestrator.sources import CellSource
from orchestrator.spec import Study

CVSTA = {"components": {"cvsta": {"off": {"model.cvsta": False}}}, "seeds": 2}
RATES = {"trials": 3, "space": {"optimizer.lr": {"float": [0.01, 0.3]}}}


@pytest.fixture
def log(tmp_path: Path) -> StudyLog:
    return StudyLog(tmp_path / "events.jsonl").open()


@pytest.fixture
def previewed(study_of, data_root: Path, log: StudyLog, tmp_path: Path) -> Callable[..., Preview]:
    def of(**content: object) -> Preview:
        study = study_of(**content)
        return preview(study, Planner(study, data_root), log, Home(tmp_path))

    return of


def finish_all(study: Study, data_root: Path, log: StudyLog) -> None:
    cells = first_cells(study, Planner(study, data_root), log)
    source = CellSource([plan for cell in cells for plan in cell.plans], log)
    while (plan := source.next()) is not None:
        log.end(plan.id, State.COMPLETE, {})


def column(shown: Preview, name: str) -> list[str]:
    table = preview_table(shown)
    return [str(row[table.columns.index(name)]) for row in table.rows]


def notes(shown: Preview) -> str:
    return "\n".join(preview_table(shown).notes)


def test_every_variant_is_told_with_its_size_beside_the_baselines(previewed):
    shown = previewed(ablation=CVSTA)

    baseline, off = (row.summary.num_params for row in shown.rows)
    assert column(shown, "variant") == ["baseline", "cvsta=off"]
    assert column(shown, "changes") == ["", "model.cvsta=False"]
    assert column(shown, "params") == [f"{baseline:,}", f"{off:,} ({off - baseline:,})"]
    assert "other embedding, model" in column(shown, "remarks")[1]


def test_an_amended_study_tells_what_is_done_and_what_is_missing(
    study_of, previewed, data_root: Path, log: StudyLog
):
    finish_all(study_of(ablation=CVSTA), data_root, log)
    wider = CVSTA | {"seeds": 3, "variants": {"wide": {"model.width": 8}}}

    shown = previewed(ablation=wider)

    assert column(shown, "trainings") == ["3 (2 done)", "3 (2 done)", "3 (0 done)"]
    assert "9 trials, 4 done, seeds 0, 1, 2" in notes(shown)


def test_only_what_an_amended_study_lacks_is_run(study_of, data_root: Path, log: StudyLog):
    finish_all(study_of(ablation=CVSTA), data_root, log)
    amended = study_of(ablation=CVSTA | {"seeds": 3})
    cells = first_cells(amended, Planner(amended, data_root), log)

    source = CellSource([plan for cell in cells for plan in cell.plans], log)

    missing = [source.next() for _ in range(source.num_left)]
    assert [(plan.variant, plan.seed) for plan in missing] == [("baseline", 2), ("cvsta=off", 2)]


def test_trainings_that_cells_share_are_counted_once(previewed):
    streams = {"streams": ["joint", "bone"], "seeds": 1}

    shown = previewed(ablation={"variants": {"far bones": {"data.bone_hops": 2}}} | streams)

    # joints are the same whatever a bone is, but the configuration is another: nothing is shared
    assert (len(shown.trainings), shown.num_shared) == (4, 0)
    weights = {"more bone": {"streams": {"joint": 1.0, "bone": 2.0}}}
    shared = previewed(ablation={"variants": weights} | streams)
    assert (len(shared.trainings), shared.num_shared) == (2, 2)
    assert "2 trials, 0 done, 2 shared with other cells" in notes(shared)


def test_combinations_that_are_excluded_and_points_that_are_the_baseline_are_told(previewed):
    design = ["factorial", {"name": "grid", "factors": {"model.width": [4, 8]}}]
    components = CVSTA["components"] | {"rdl": {"off": {"loss.embedding": None}}}

    excludes = [["cvsta=off", "rdl=off"]]
    shown = previewed(
        ablation={"components": components, "design": design, "excludes": excludes, "seeds": 1}
    )

    assert "Left out by excludes: cvsta=off, rdl=off." in notes(shown)
    assert "Points of the grid that are the baseline: model.width=4." in notes(shown)


def test_tuning_is_told_and_what_waits_for_it_has_no_identity_yet(previewed):
    shown = previewed(ablation=CVSTA | {"fairness": "retune_lr"})

    assert "Before them, tuning (retune_lr): 6 trials, 0 done." in notes(shown)
    document = preview_document(shown)
    assert [t["id"] for v in document["variants"] for t in v["trainings"]] == [None] * 4
    assert len({t["id"] for t in document["tuning"]}) == 6


def test_a_race_of_seeds_is_told(previewed):
    shown = previewed(ablation=CVSTA | {"seeds": {"min": 2, "max": 6}})

    assert "seeds 0, 1 and on up to 6 of them while a verdict is open" in notes(shown)


def test_the_document_has_variants_trainings_and_warnings_in_plain_values(previewed):
    variants = {"plain": {"loss.embedding": {"name": "rdl", "inter": 0}}}

    shown = previewed(overrides={"loss.embedding.norm": 0.1}, ablation={"variants": variants})

    document = json.loads(json.dumps(preview_document(shown)))
    assert document["plan"] == shown.digest
    (warning,) = document["warnings"]
    assert warning.startswith("confounded: plain also resets")
    assert f"Warning: {warning}." in notes(shown)
    plain = document["variants"][1]
    assert plain["difference"]["undeclared"] == {"loss.embedding.norm": [0.1, 0.01]}
    assert [t["seed"] for t in plain["trainings"]] == [0, 1, 2]


def test_two_variants_of_one_configuration_are_refused(previewed):
    with pytest.raises(SpecError, match="is the same training as 'baseline'"):
        previewed(ablation={"variants": {"same": {"model.cvsta": True}}})


def test_a_search_is_told_with_its_plan_too(previewed):
    shown = previewed(search=RATES)

    assert not isinstance(shown, AblationPreview)
    assert f"Plan {shown.digest}" in notes(shown)
    assert preview_document(shown)["search"]["trials"] == 3


def test_the_plan_stays_the_same_while_trainings_are_done(study_of, data_root: Path, log):
    study = study_of(ablation=CVSTA)
    before = plan_digest(study, Planner(study, data_root))

    finish_all(study, data_root, log)

    assert plan_digest(study, Planner(study, data_root)) == before


@pytest.mark.parametrize(
    "change",
    [
        {"ablation": CVSTA | {"seeds": 3}},
        {"ablation": CVSTA | {"margin": 2.0}},
        {"ablation": CVSTA, "overrides": {"epochs": 3}},
        {"search": RATES},
        {"search": RATES | {"seed": 1}},
    ],
)
def test_a_study_that_plans_something_else_is_refused(study_of, data_root: Path, change):
    study = study_of(ablation=CVSTA)
    looked_at = plan_digest(study, Planner(study, data_root))
    other = study_of(**change)

    with pytest.raises(OtherPlanError, match=rf"now has the plan \w+, not {looked_at}"):
        require_plan(other, Planner(other, data_root), looked_at)


def test_a_study_that_plans_the_same_is_accepted(study_of, data_root: Path):
    study = study_of(ablation=CVSTA)

    require_plan(study, Planner(study, data_root), plan_digest(study, Planner(study, data_root)))


def test_a_study_on_data_that_are_not_prepared_is_planned_on_made_up_clips(
    study_of, tmp_path: Path, log: StudyLog
):
    study = study_of(overrides={"data.name": "nw_ucla", "data.protocol": "xview"}, ablation=CVSTA)
    planner = Planner(study, tmp_path / "nothing", may_stand_in=True)

    shown = preview(study, planner, log, Home(tmp_path))

    assert shown.digest is None
    assert "skeltune data prepare nw_ucla --raw DIR" in notes(shown)
    assert column(shown, "trainings") == ["2 (0 done)", "2 (0 done)"]


def test_nothing_stands_in_where_it_would_be_trained_on(study_of, tmp_path: Path):
    study = study_of(overrides={"data.name": "nw_ucla", "data.protocol": "xview"}, ablation=CVSTA)

    with pytest.raises(ValueError, match="not prepared"):
        Planner(study, tmp_path / "nothing").store(study.baseline)

from pathlib import Path

import pytest

from orchestrator.ablation.cells import Cell, arms_of, check_same_clips, study_variants
from orchestrator.engine.errors import SpecError
from orchestrator.planning.trials import Planner, first_cells
from orchestrator.records import StudyLog
from orchestrator.spec import Study

HOPS = {"hops": {"two": {"bone": {"data.bone_hops": 2}}}}


@pytest.fixture
def cells_of(study_of, data_root: Path):
    def cells(**ablation: object) -> list[Cell]:
        study = study_of(ablation={"seeds": 1} | ablation)
        return first_cells(study, Planner(study, data_root), StudyLog(Path("none")))

    return cells


def init_like(study: Study) -> dict[str, object]:
    return {
        variant.name: arm.changes.get("init_like")
        for variant in study_variants(study)
        for arm in arms_of(study, variant)
    }


def test_a_cell_of_streams_has_a_training_each(cells_of):
    (baseline, _) = cells_of(streams=["joint", "bone"], variants={"wide": {"model.width": 8}})

    assert [plan.config["data"]["stream"] for plan in baseline.plans] == ["joint", "bone"]
    assert [plan.name for plan in baseline.plans] == [
        "baseline, joint seed 0",
        "baseline, bone seed 0",
    ]


def test_a_change_under_a_streams_name_is_for_that_stream_alone(cells_of):
    baseline, two = cells_of(streams=["joint", "bone"], components=HOPS)

    assert two.plans[0].id == baseline.plans[0].id
    assert [plan.config["data"]["bone_hops"] for plan in two.plans] == [1, 2]


def test_a_single_stream_takes_the_changes_of_its_own(cells_of, study_of, data_root):
    study = study_of(overrides={"data.stream": "bone"}, ablation={"seeds": 1, "components": HOPS})

    _, two = first_cells(study, Planner(study, data_root), StudyLog(Path("none")))

    assert two.plans[0].config["data"]["bone_hops"] == 2


def test_a_variant_with_another_model_starts_where_the_baseline_starts(study_of):
    variants = {"plain": {"model.cvsta": False}, "loss": {"loss.embedding": None}}
    study = study_of(ablation={"variants": variants})

    starts = init_like(study)

    assert starts["baseline"] is None
    assert starts["loss"] is None
    assert starts["plain"]["cvsta"] is True


def test_in_a_setting_it_starts_where_the_baseline_of_that_setting_starts(study_of):
    settings = {"narrow": {"model.width": 4}, "wide": {"model.width": 8}}
    study = study_of(ablation={"variants": {"plain": {"model.cvsta": False}}, "settings": settings})

    starts = init_like(study)

    assert starts["wide: plain"]["width"] == 8
    assert starts["wide: baseline"] is None


def test_clips_of_another_length_make_another_start(study_of):
    study = study_of(ablation={"variants": {"short": {"data.clip_len": 4, "model.cvsta": False}}})

    assert init_like(study)["short"] is None


def test_a_variant_on_other_clips_is_refused(study_of):
    study = study_of(
        overrides={"data": {"name": "ntu60", "clip_len": 8}},
        ablation={"variants": {"views": {"data.protocol": "xview"}}},
    )

    with pytest.raises(SpecError, match="the baseline is judged by: ntu60 xsub"):
        check_same_clips(study)

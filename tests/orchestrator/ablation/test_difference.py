"""What a variant changes, beside and instead of what it says."""

from pathlib import Path

import pytest

from orchestrator.ablation.designs import Variant
from orchestrator.ablation.difference import (
    Difference,
    Examined,
    ModuleChange,
    confounded,
    examine,
    module_change,
)
from orchestrator.engine.errors import SpecError
from orchestrator.engine.network import Piece
from orchestrator.planning.trials import Planner


@pytest.fixture
def examined(study_of, data_root: Path):
    def of(variants: dict[str, object], **content: object) -> Examined:
        given = {"variants": variants, "seeds": 1}
        study = study_of(ablation=given | content.pop("ablation", {}), **content)
        return examine(study, Planner(study, data_root))

    return of


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"optimizer.weight_decay": 0.0}, ("steps",)),
        ({"lr_schedule": {"name": "step", "milestones": [2]}}, ("steps",)),
        ({"batch_size": 3}, ("steps",)),
        ({"data.rotation_deg": [10, 10, 10]}, ("clips",)),
        ({"data.eval_crop": 0.5}, ("clips",)),
        ({"loss.embedding.inter": 1.0}, ("loss",)),
        ({"loss.classification.name": "smfl"}, ("loss",)),
        ({"loss.center_lr": 0.5}, ("loss",)),
        ({"model.dropout": 0.5}, ("embedding", "model")),
        ({"model.cvsta": False}, ("embedding", "model")),
        ({"loss.embedding": None}, ("loss", "embedding")),
    ],
)
def test_what_training_does_otherwise_is_told(examined, changes, parts):
    found = examined({"changed": changes})

    assert found.differences["changed"].parts == parts
    assert found.warnings == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"model.joint_attention_reduction": 2},
        {"lr_schedule": {"name": "step", "milestones": [100]}},
        {"lr_schedule": {"name": "constant", "warmup_epochs": 1}},
        {"data.noise_seed": 7},
        {"eval_batch_size": 3},
        {"compile": True},
        {"drop_last": True},
        {"model.distance": "true", "model.c_mid_channels": 4},
    ],
)
def test_a_variant_that_trains_as_its_baseline_does_is_refused(examined, changes):
    path = list(changes)[-1]

    with pytest.raises(SpecError, match=r"tiny.yaml: 1 problem\n  variant idle: no-op") as caught:
        examined({"idle": changes})

    assert "trains exactly as 'baseline' does" in str(caught.value)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "changes"),
    [
        ({"model.dropout": 0.5}, {"model.joint_attention_reduction": 2}),
        ({"model.c_mid": "equal"}, {"model.cvsta_ratio": 4}),
        ({"loss.embedding": None}, {"loss.center_lr": 0.5}),
        ({"loss.embedding.weight": 0.0}, {"loss.embedding.inter": 1.0}),
    ],
)
def test_an_option_of_what_is_switched_off_changes_nothing(examined, overrides, changes):
    with pytest.raises(SpecError, match="no-op ablation"):
        examined({"idle": changes}, overrides=overrides)


def test_a_variant_that_trains_as_an_earlier_one_does_is_a_warning(examined):
    some = {"model.dropout": 0.5}

    found = examined({"some": some, "more": some | {"model.joint_attention_reduction": 2}})

    assert found.warnings == ("no-op: more trains exactly as some does",)


def test_options_that_a_whole_mapping_resets_are_a_warning(examined):
    variants = {"rdl=plain": {"loss.embedding": {"name": "rdl", "inter": 0}}}

    found = examined(variants, overrides={"loss.embedding.norm": 0.1})

    reset = "loss.embedding.norm 0.1 -> 0.01"
    assert found.warnings == (f"confounded: rdl=plain also resets {reset}",)


def test_a_warning_is_told_once_of_the_first_variant_that_it_is_true_of(examined):
    whole = {"loss.embedding": {"name": "rdl", "inter": 0}}

    found = examined(
        {"a": whole, "b": whole | {"model.dropout": 0.5}},
        overrides={"loss.embedding.norm": 0.1},
    )

    assert [warning.split()[1] for warning in found.warnings] == ["a"]


def test_every_variant_is_held_against_the_baseline_of_its_setting(examined):
    settings = {"slow": {"optimizer.lr": 0.01}, "fast": {"optimizer.lr": 0.1}}

    found = examined({"wide": {"model.width": 8}}, ablation={"settings": settings})

    difference = found.differences["fast: wide"]
    assert list(difference.paths) == ["model.width"]
    assert found.differences["fast: baseline"].parts == ()


def test_a_stream_that_a_variant_does_not_touch_hides_no_change_of_another(examined):
    streams = {"streams": ["joint", "bone"]}

    found = examined({"far bones": {"data.bone_hops": 2}}, ablation=streams)

    assert found.differences["far bones"].twin is None
    assert found.differences["far bones"].paths == {"data.bone_hops": (1, 2)}


def test_other_weights_of_the_streams_are_a_change(examined):
    streams = {"streams": {"joint": 1.0, "bone": 1.0}}

    found = examined({"more bone": {"streams": {"joint": 1.0, "bone": 2.0}}}, ablation=streams)

    assert found.differences["more bone"].twin is None


def conv(*shape: int, kind: str = "Conv2d") -> Piece:
    return Piece(kind, {"weight": shape})


def test_modules_that_are_gone_new_retyped_and_reshaped():
    before = {"a": conv(1), "a.b": conv(1), "c": conv(64, 3), "d": conv(1)}
    after = {"c": conv(128, 3), "d": conv(1, kind="Linear"), "e": conv(1)}

    found = module_change(before, after)

    assert found.removed == ("a",)
    assert found.added == ("e",)
    assert found.retyped == {"d": ("Conv2d", "Linear")}
    assert found.reshaped == {"c": ((64, 3), (128, 3))}


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        ({"model.cvsta": (True, False)}, ["reshapes layers.2.tcn (64 -> 128)"]),
        ({"model.attention": ("cross", None)}, ["reshapes layers.2.tcn (64 -> 128)"]),
        ({"model.width": (8, 16)}, []),
        ({"model.cvsta": (True, False), "model.width": (8, 16)}, []),
        ({"model.cvsta": (True, False), "data.clip_len": (64, 32)}, []),
    ],
)
def test_a_switch_that_reshapes_what_stays_is_confounded(paths, told):
    change = ModuleChange(reshaped={"layers.2.tcn": ((64,), (128,))})
    variant = Variant("cvsta=off", {}, dict.fromkeys(paths), {})

    found = confounded(Difference(paths, {}, change, ("model",), None), variant)

    assert list(found) == told

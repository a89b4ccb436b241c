import pytest
from pydantic import ValidationError

from orchestrator.ablation.designs import Variant, left_out, variants_of
from orchestrator.ablation.spec import Ablation

CVSTA = {"off": {"model.cvsta": False}}
RDL = {"off": {"loss.embedding": None}, "weak": {"loss.embedding.weight": 0.1}}
TERMS = {name: {"off": {f"loss.embedding.{name}": 0}} for name in ("intra", "inter", "norm")}
VALUES = {"model.cvsta_ratio": 8, "model.width": 64}


def ablation_of(**content: object) -> Ablation:
    return Ablation.model_validate({"components": {"cvsta": CVSTA, "rdl": RDL}} | content)


def names_of(**content: object) -> list[str]:
    return [variant.name for variant in variants_of(ablation_of(**content), VALUES)][1:]


def switches(names: str) -> dict[str, object]:
    return {name: {"off": {f"model.{name}": 0}} for name in names}


def test_leaving_one_out_gives_each_other_level_of_each_component_alone():
    assert names_of(design="leave_one_out") == ["cvsta=off", "rdl=off", "rdl=weak"]


def test_adding_one_in_starts_from_none_and_has_each_level_alone():
    assert names_of(design="add_one_in") == [
        "cvsta=off, rdl=off",
        "rdl=off",
        "cvsta=off",
        "cvsta=off, rdl=weak",
    ]


def test_a_ladder_adds_one_component_after_the_other_in_the_stated_order():
    ladder = {"name": "ladder", "order": ["norm", "intra", "inter"]}

    assert names_of(components=TERMS, design=ladder) == [
        "norm=off, intra=off, inter=off",
        "intra=off, inter=off",
        "inter=off",
    ]


def test_pairs_are_every_two_components_together():
    assert names_of(components=TERMS, design="pairs") == [
        "intra=off, inter=off",
        "intra=off, norm=off",
        "inter=off, norm=off",
    ]


def test_a_factorial_gives_every_combination_of_levels_once():
    assert names_of(design="factorial") == [
        "rdl=off",
        "rdl=weak",
        "cvsta=off",
        "cvsta=off, rdl=off",
        "cvsta=off, rdl=weak",
    ]


def test_a_factorial_of_n_switches_has_2_to_the_n_rows():
    names = names_of(components=switches("abcd"), design="factorial")

    assert len(names) == len(set(names)) == 15


def test_a_fractional_factorial_of_five_switches_needs_half_of_the_rows():
    design = {"name": "fractional_factorial", "resolution": 5}

    assert len(names_of(components=switches("abcde"), design=design)) == 15


def test_a_design_may_be_of_some_components_only():
    design = {"name": "factorial", "components": ["intra", "norm"]}

    assert names_of(components=TERMS, design=design) == [
        "norm=off",
        "intra=off",
        "intra=off, norm=off",
    ]


def test_a_grid_has_a_row_a_point_and_the_trials_own_values_are_the_baseline():
    grid = {"name": "grid", "factors": {"model.cvsta_ratio": [4, 8], "model.width": [32, 64]}}

    variants = variants_of(ablation_of(components={}, design=grid), VALUES)

    assert [variant.changes for variant in variants] == [
        {},
        {"model.cvsta_ratio": 4, "model.width": 32},
        {"model.cvsta_ratio": 4},
        {"model.width": 32},
    ]
    assert variants[2].name == "model.cvsta_ratio=4"


def test_several_designs_share_cells():
    names = names_of(components=TERMS, design=["leave_one_out", "pairs", "factorial"])

    assert len(names) == len(set(names)) == 7
    assert names[:4] == ["intra=off", "inter=off", "norm=off", "intra=off, inter=off"]


def test_a_combination_is_named_by_its_levels_and_makes_all_their_changes():
    last = variants_of(ablation_of(design="factorial"), VALUES)[-1]

    assert last.name == "cvsta=off, rdl=weak"
    assert last.changes == {"model.cvsta": False, "loss.embedding.weight": 0.1}


def test_the_baseline_stands_first_and_changes_nothing():
    assert variants_of(ablation_of(), VALUES)[0] == Variant("baseline", {}, {}, {})


def test_explicit_variants_follow_the_designed_ones():
    variants = variants_of(ablation_of(variants={"wide": {"model.width": 8}}), VALUES)

    assert [variant.name for variant in variants][-2:] == ["rdl=weak", "wide"]
    assert variants[-1].changes == {"model.width": 8}


def test_a_component_falls_away_with_what_it_requires():
    names = names_of(
        components={"rdl": {"off": {"loss.embedding": None}}, **TERMS},
        design={"name": "factorial", "components": ["rdl", "intra", "inter"]},
        requires={"intra": ["rdl"], "inter": ["rdl"]},
    )

    assert names == ["inter=off", "intra=off", "intra=off, inter=off", "rdl=off"]


def test_what_has_fallen_away_takes_along_what_requires_it():
    requires = {"b": ["a"], "c": ["b"]}
    ablation = ablation_of(components=switches("abc"), design="factorial", requires=requires)

    levels = [variant.levels for variant in variants_of(ablation, VALUES)]

    assert {"a": "off", "b": "n/a", "c": "n/a"} in levels
    assert len(levels) == 4


def test_a_requirement_may_be_of_a_level():
    requires = {"cvsta": ["rdl=on"]}

    names = names_of(design="factorial", requires=requires)

    assert names == ["rdl=off", "rdl=weak", "cvsta=off"]


def test_components_that_exclude_each_other_are_never_there_together():
    content = {"components": switches("abc"), "design": "factorial", "excludes": [["a", "b=off"]]}

    assert all("b=off" not in name or "a=off" in name for name in names_of(**content))
    assert left_out(ablation_of(**content), VALUES) == ["b=off", "b=off, c=off"]


def test_every_setting_has_all_variants_on_top_of_its_own_changes():
    settings = {"joint": {"data.stream": "joint"}, "bone": {"data.stream": "bone"}}

    variants = variants_of(ablation_of(components={"cvsta": CVSTA}, settings=settings), VALUES)

    assert [variant.name for variant in variants] == [
        "joint: baseline",
        "joint: cvsta=off",
        "bone: baseline",
        "bone: cvsta=off",
    ]
    assert variants[3].changes == {"data.stream": "bone", "model.cvsta": False}
    assert [variant.is_baseline for variant in variants] == [True, False, True, False]


def test_a_variant_may_have_streams_of_its_own():
    variants = {"2s": {"streams": ["joint", "bone"]}, "weighted": {"streams": {"joint": 0.6}}}

    rows = variants_of(ablation_of(components={}, variants=variants, streams=["joint"]), VALUES)

    assert [row.streams for row in rows] == [
        {"joint": 1.0},
        {"joint": 1.0, "bone": 1.0},
        {"joint": 0.6},
    ]
    assert rows[1].changes == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"design": {"name": "ladder", "order": ["cvtsa"]}}, "no component 'cvtsa'; known: cvsta"),
        ({"requires": {"rdl": ["cvsta=of"]}}, "cvsta has the levels on, off"),
        ({"requires": {"rdl=weak": ["cvsta"]}}, "falls away as a whole"),
        ({"excludes": [["rdl", "norm"]]}, "no component 'norm'"),
        ({"components": {}}, "nothing to compare"),
        ({"design": "leave_two_out"}, "leave_two_out"),
        ({"seeds": {"min": 3, "max": 3}}, "max must be above min"),
        ({"seeds": [1000], "fairness": "retune_lr"}, "fairness.seed 1000 is one of the study's"),
    ],
)
def test_what_is_not_possible_is_told(content, told):
    with pytest.raises(ValidationError, match=told):
        ablation_of(**content)

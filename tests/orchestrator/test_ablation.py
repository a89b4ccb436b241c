from orchestrator.ablation import Variant, variants_of
from orchestrator.ablation_spec import Ablation

CVSTA = {"off": {"model.cvsta": False}}
RDL = {"off": {"loss.embedding": None}, "weak": {"loss.embedding.weight": 0.1}}


def levels_of(**content: object) -> list[dict[str, str]]:
    return [variant.levels for variant in variants_of(Ablation.model_validate(content))]


def test_leaving_one_out_gives_each_other_level_of_each_component_alone():
    assert levels_of(components={"cvsta": CVSTA, "rdl": RDL}) == [
        {},
        {"cvsta": "off"},
        {"rdl": "off"},
        {"rdl": "weak"},
    ]


def test_a_factorial_gives_every_combination_of_levels_once():
    assert levels_of(components={"cvsta": CVSTA, "rdl": RDL}, design="factorial") == [
        {},
        {"rdl": "off"},
        {"rdl": "weak"},
        {"cvsta": "off"},
        {"cvsta": "off", "rdl": "off"},
        {"cvsta": "off", "rdl": "weak"},
    ]


def test_a_combination_is_named_by_its_levels_and_makes_all_their_changes():
    ablation = Ablation(components={"cvsta": CVSTA, "rdl": RDL}, design="factorial")

    last = variants_of(ablation)[-1]

    assert last.name == "cvsta=off, rdl=weak"
    assert last.changes == {"model.cvsta": False, "loss.embedding.weight": 0.1}


def test_the_baseline_stands_first_and_changes_nothing():
    assert variants_of(Ablation(variants={"wide": {"model.width": 8}}))[0] == Variant(
        "baseline", {}, {}
    )


def test_explicit_variants_follow_the_designed_ones():
    ablation = Ablation(components={"cvsta": CVSTA}, variants={"wide": {"model.width": 8}})

    variants = variants_of(ablation)

    assert [variant.name for variant in variants] == ["baseline", "cvsta=off", "wide"]
    assert variants[-1].changes == {"model.width": 8}


def test_a_factorial_of_n_switches_has_2_to_the_n_rows():
    components = {name: {"off": {f"model.{name}": 0}} for name in "abcd"}

    rows = variants_of(Ablation(components=components, design="factorial"))

    assert len(rows) == len({row.name for row in rows}) == 16

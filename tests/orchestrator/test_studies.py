"""What holds for every study file that is committed, without data."""

import re
from functools import cache
from pathlib import Path

import pytest

from orchestrator.ablation.cells import Cell, arms_of, cells_of, check_distinct, study_variants
from orchestrator.ablation.designs import Variant, variants_of
from orchestrator.ablation.spec import Ablation
from orchestrator.engine.documents import parse_yaml
from orchestrator.engine.errors import SpecError
from orchestrator.planning.trials import Remembered
from orchestrator.spec import Study, StudySpec, load_study
from tests.orchestrator.reported import TABLES, facts_of, figures

CHECKOUT = Path(__file__).resolve().parents[2]
STUDIES = sorted((CHECKOUT / "search_spaces" / "studies").glob("*.yaml"))
PAGE = CHECKOUT / "docs" / "studies.md"
LOADED = {path: load_study(path) for path in STUDIES}
ABLATIONS = [path for path, study in LOADED.items() if study.spec.ablation is not None]
WITH_PAPER = [path for path in ABLATIONS if LOADED[path].spec.ablation.paper is not None]
NOT_PREPARED = {"synthetic"}


def named(path: Path) -> str:
    return path.stem


@cache
def cells_of_one_seed(path: Path) -> list[Cell]:
    study = LOADED[path]
    seeds, variants = study.spec.ablation.first_seeds[:1], study_variants(study)
    return list(cells_of(study, Remembered(study, {}), lambda arm: {}, seeds, variants))


def datasets_of(path: Path) -> set[str]:
    study = LOADED[path]
    variants = study_variants(study) if study.spec.ablation is not None else []
    arms = (arm for variant in variants for arm in arms_of(study, variant))
    configs = [study.baseline, *(study.config(arm.changes, arm.name) for arm in arms)]
    return {config.data.name for config in configs}


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_the_head_of_a_study_says_what_is_asked_and_how_to_run_it(path: Path):
    head = LOADED[path].question

    assert "?" in head.partition("Cost:   ")[0]
    assert "\nCost:   " in head
    assert f"\nRun:    skeltune run search_spaces/studies/{path.name}" in head


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_the_head_of_a_study_says_how_its_data_are_prepared(path: Path):
    prepared = set(re.findall(r"skeltune data prepare (\w+)", LOADED[path].question))

    assert prepared == datasets_of(path) - NOT_PREPARED


@pytest.mark.parametrize("path", ABLATIONS, ids=named)
def test_the_variants_of_a_study_resolve_to_trainings_of_their_own(path: Path):
    cells = cells_of_one_seed(path)

    check_distinct(LOADED[path], cells)
    assert len(cells) >= 2


@pytest.mark.parametrize("path", ABLATIONS, ids=named)
def test_the_head_of_an_ablation_counts_its_trainings(path: Path):
    ids = {plan.id for cell in cells_of_one_seed(path) for plan in cell.plans}

    number = len(ids) * len(LOADED[path].spec.ablation.first_seeds)

    assert f"Cost:   {number} trainings of " in LOADED[path].question


@pytest.mark.parametrize("path", WITH_PAPER, ids=named)
def test_a_replay_selects_on_test_and_its_sibling_on_val(path: Path):
    study = LOADED[path]

    is_replay = "\nA replay: epochs are selected on test" in study.question

    assert study.baseline.select_on == ("test" if is_replay else "val")


@pytest.mark.skipif(not TABLES.is_dir(), reason=f"no transcribed tables in {TABLES}")
@pytest.mark.parametrize("path", WITH_PAPER, ids=named)
def test_every_reported_figure_stands_beside_the_variant_that_it_belongs_to(path: Path):
    study = LOADED[path]
    paper = study.spec.ablation.paper
    variants = {variant.name: variant for variant in study_variants(study)}

    table = figures(paper.source)

    told = {name: table[_facts(study, paper.source, variants[name])] for name in paper.rows}
    assert told == paper.rows


def _facts(study: Study, source: str, variant: Variant) -> tuple[object, ...]:
    return facts_of(source, variant, study.config(variant.changes, variant.name))


def test_a_reported_row_that_no_variant_has_is_refused_with_the_known_ones(study_of):
    paper = {"source": "a paper", "dataset": "some", "rows": {"wide": 90.0, "baseline": 89.0}}
    study = study_of(ablation={"variants": {"small": {"model.width": 8}}, "paper": paper})

    with pytest.raises(SpecError, match=r"rows\.wide.*is no variant; known: baseline, small"):
        study_variants(study)


@cache
def examples() -> list[dict]:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [parse_yaml(block, str(PAGE)) for block in blocks]


def test_the_page_has_a_study_of_ten_lines_that_is_one():
    study = StudySpec.model_validate(examples()[0])

    assert study.ablation is not None


@pytest.mark.parametrize("number", range(1, len(examples())))
def test_every_example_of_the_page_is_an_ablation(number: int):
    ablation = Ablation.model_validate(examples()[number])

    assert len(variants_of(ablation, {})) >= 2


def test_the_page_has_every_key_of_an_ablation_and_every_study_of_a_paper():
    page = PAGE.read_text()

    keys = [key for key in Ablation.model_fields if f"`{key}`" not in page]
    files = [path.stem for path in WITH_PAPER if f"`{path.stem}`" not in page]

    assert (keys, files) == ([], [])

import numpy as np
import pytest

from orchestrator.reports.ablation import ablation_table, bold_variants
from orchestrator.reports.links import RunLinks
from orchestrator.reports.table import Entry, Table
from tests.orchestrator.reports.made_up import draw

GOOD, BAD = draw(0.9), draw(0.5)
HITS = {"baseline": GOOD, "rdl=off": BAD, "cvsta=off": GOOD, "cvsta=off, rdl=off": BAD}
NO_LINKS = RunLinks()


def column(table: Table, name: str) -> list[Entry]:
    place = table.columns.index(name)
    return [entries[place] for _, entries in table.entries()]


def texts(table: Table, name: str) -> list[str]:
    return [entry.text for entry in column(table, name)]


def test_components_have_columns_of_signs(results_of):
    table = ablation_table(results_of(HITS), NO_LINKS)

    assert table.columns[:2] == ("cvsta", "rdl")
    assert texts(table, "cvsta") == ["✓", "✓", "–", "–"]
    assert texts(table, "rdl") == ["✓", "–", "✓", "–"]


def test_explicit_variants_are_told_by_name(results_of):
    table = ablation_table(results_of({}, variants={"wide": {"model.width": 8}}), NO_LINKS)

    assert table.columns[:3] == ("variant", "cvsta", "rdl")
    assert [entry.text for entry in list(table.entries())[-1][1]][:3] == ["wide", "", ""]


def test_a_grid_has_a_column_of_values_with_those_of_the_trial_file(results_of):
    grid = {"name": "grid", "factors": {"model.width": [4, 8]}}

    table = ablation_table(results_of({}, components={}, design=[grid]), NO_LINKS)

    assert texts(table, "model.width") == ["4", "8"]


def test_settings_are_sections_with_a_baseline_each(results_of):
    settings = {"clean": {"data.noise": 0.0}, "noisy": {"data.noise": 0.01}}

    table = ablation_table(results_of({}, settings=settings), NO_LINKS)

    assert table.sections == {0: "clean", 4: "noisy"}
    assert texts(table, "rdl") == ["✓", "–", "✓", "–"] * 2


def test_the_objective_is_a_mean_with_its_deviation_over_seeds(results_of):
    hits = np.zeros((2, 4))
    hits[0, 0] = hits[1, :3] = 1

    table = ablation_table(results_of({"baseline": hits}, seeds=2), NO_LINKS)

    assert texts(table, "val/top1")[:2] == ["50.00 ± 35.36", "-"]


def test_a_difference_has_its_interval_and_its_verdict_in_words(results_of):
    table = ablation_table(results_of(HITS), NO_LINKS)

    assert texts(table, "difference")[0] == ""
    assert texts(table, "difference")[1].startswith(f"{100 * (BAD.mean() - GOOD.mean()):+.2f} [")
    assert texts(table, "verdict")[1] == "rdl helps"
    assert texts(table, "verdict")[3] == "worse"


def test_a_difference_smaller_than_one_clip_is_marked(results_of):
    table = ablation_table(results_of(HITS), NO_LINKS)

    assert [entry.marks for entry in column(table, "difference")] == [(), (), ("†",), ()]
    assert any("One clip of the 200 is worth 0.5 points" in note for note in table.notes)


def test_those_are_bold_that_nothing_beats(results_of):
    table = ablation_table(results_of(HITS), NO_LINKS)

    assert [entry.is_bold for entry in column(table, "val/top1")] == [True, False, True, False]
    assert any(note.startswith("Bold:") for note in table.notes)


def test_nothing_is_bold_where_any_variant_may_be_the_best(results_of):
    results = results_of(dict.fromkeys(HITS, GOOD))

    assert bold_variants(results) == frozenset()
    assert any("Nothing is bold" in note for note in ablation_table(results, NO_LINKS).notes)


def test_nothing_is_bold_by_one_seed(results_of):
    results = results_of({name: hits[:1] for name, hits in HITS.items()}, seeds=1)

    assert bold_variants(results) == frozenset()


def test_failed_and_open_seeds_are_counted_and_the_reason_stands_below(results_of):
    hits = HITS | {"rdl=off": [BAD[0], None], "cvsta=off": GOOD[:1]}

    table = ablation_table(results_of(hits), NO_LINKS)

    assert texts(table, "seeds") == ["3", "1 (1 open, 1 failed)", "1 (2 open)", "3"]
    assert column(table, "seeds")[1].marks == ("1",)
    assert table.footnotes == {"1": "rdl=off, seed 1: failed (Out of memory)."}


def test_every_seed_leads_to_its_run(results_of):
    links = RunLinks("http://host", "7", runs={"rdl=off seed 2": "run9"})

    table = ablation_table(results_of(HITS), links)

    (link,) = column(table, "seeds")[1].links
    assert (link.text, link.url) == ("2", "http://host/#/experiments/7/runs/run9")


def test_what_was_trained_on_a_gpu_is_told_in_its_hours(results_of):
    table = ablation_table(results_of(HITS, {"resources": {"cpu": 1, "gpu": 0.5}}), NO_LINKS)

    assert table.columns[-1] == "GPU-hours"
    assert texts(table, "GPU-hours")[0] == f"{3 * 36 / 3600 / 2:.2f}"


PAPER = {"source": "a paper", "dataset": "FSD-10", "rows": {"baseline": 93.0, "rdl=off": 92.9}}


def test_the_paper_s_figures_and_differences_stand_beside_ours(results_of):
    table = ablation_table(results_of(HITS, paper=PAPER), NO_LINKS)

    assert texts(table, "reported") == ["93.00", "92.90", "-", "-"]
    assert texts(table, "reported difference") == ["", "-0.10", "", ""]


def test_a_reported_difference_that_we_could_not_have_seen_is_marked(results_of):
    table = ablation_table(results_of(HITS, paper=PAPER), NO_LINKS)

    assert column(table, "reported difference")[1].marks == ("†", "‡")


@pytest.mark.parametrize(("dataset", "is_other"), [("FSD-10", True), ("Synthetic", False)])
def test_figures_on_other_data_are_not_to_be_compared(results_of, dataset, is_other):
    table = ablation_table(results_of(HITS, paper=PAPER | {"dataset": dataset}), NO_LINKS)

    assert any("data sets differ" in note for note in table.notes) is is_other


ON_TEST = {"overrides": {"select_on": "test"}, "objective": {"metric": "test/top1"}}


@pytest.mark.parametrize(
    ("content", "ablation", "note"),
    [
        (
            {"overrides": {"select_on": "test"}, "objective": {"metric": "test/top1"}},
            {},
            "held-out",
        ),
        ({}, {"seeds": {"min": 3, "max": 6}}, "from 3 up to 6"),
        ({}, {"fairness": "retune_lr"}, "fairness: retune_lr"),
        ({}, {"margin": 0.5}, "below 0.5 points"),
        ({}, {"confidence": 0.9}, "90% interval"),
        ({}, {}, "9 of 12 cells are done, 3 to be run"),
    ],
)
def test_the_foot_says_how_the_figures_came_about(results_of, content, ablation, note):
    hits = {name: HITS[name] for name in ("baseline", "rdl=off", "cvsta=off")}

    table = ablation_table(results_of(hits, content, **ablation), NO_LINKS)

    assert any(note in told for told in table.notes)


def test_a_grid_of_whole_components_calls_that_of_the_trial_file_on(results_of):
    losses = {"loss.classification": [{"name": "smfl"}]}
    results = results_of({}, components={}, design={"name": "grid", "factors": losses})

    first, second = (
        entries[0].text for _, entries in ablation_table(results, RunLinks()).entries()
    )

    assert first == "✓"
    assert "smfl" in second

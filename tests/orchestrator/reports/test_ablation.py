import pytest
from orchestrator.report import (
    Table,
    ablation_table,
    best_variant,
    leaderboard,
    ranking,
    variant_rows,
)

from orchestrator.records import State
from orchestrator.spec import Objective
from tests.orchestrator.made_up import LOSS, TOP1, cell, make_plan, make_record

COSTS = {"num_params": 33770, "macs": 2_240_296}
RECORDS = [
    cell("baseline", 0, 80.0, result=COSTS),
    cell("baseline", 1, 82.0, result=COSTS),
    cell("rdl=off", 0, 70.0),
    cell("rdl=off", 1, 76.0),
    cell("rdl=off", 2, 60.0, state=State.RUNNING),
    cell("cvsta=off", 0, 90.0, state=State.FAILED),
]
ORDER = ["baseline", "cvsta=off", "rdl=off"]


def rows_of(table: Table) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def trial(name: str, values: list[float], state: State = State.COMPLETE, **params: object):
    return make_record(make_plan(name, params=params), values, state)


def test_a_row_stands_for_each_variant_in_the_order_of_the_design():
    rows = variant_rows(RECORDS, TOP1, ORDER)

    assert [row.name for row in rows] == ORDER
    assert [(row.waiting, row.failed) for row in rows] == [(0, 0), (0, 1), (1, 0)]


def test_only_complete_trials_count_and_each_by_its_best_epoch():
    baseline, cvsta, rdl = variant_rows(RECORDS, TOP1, ORDER)

    assert (baseline.summary.mean, baseline.summary.n) == (81.0, 2)
    assert cvsta.summary is None
    assert (rdl.summary.mean, rdl.summary.n) == (73.0, 2)


def test_variants_are_compared_with_the_baseline_seed_by_seed():
    baseline, cvsta, rdl = variant_rows(RECORDS, TOP1, ORDER)

    assert baseline.difference is None
    assert cvsta.difference is None
    assert (rdl.difference.mean, rdl.difference.n) == (-8.0, 2)


def test_a_variant_that_has_no_record_yet_has_an_empty_row():
    (row,) = variant_rows([], TOP1, ["baseline"])

    assert (row.summary, row.num_params, row.waiting) == (None, None, 0)


def test_the_ablation_table_shows_mean_deviation_difference_and_cost():
    table = ablation_table("tiny", variant_rows(RECORDS, TOP1, ORDER), TOP1)

    rows = rows_of(table)
    assert table.title == "Study tiny"
    assert table.columns[:3] == ("variant", "val/top1", "seeds")
    assert rows["baseline"] == ("81.00 ± 1.41", "2", "", "33,770", "2.2 M")
    assert rows["rdl=off"][:2] == ("73.00 ± 4.24", "2 (1 open)")
    assert rows["rdl=off"][2].startswith("-8.00 [")
    assert rows["cvsta=off"] == ("-", "0 (1 failed)", "-", "-", "-")


@pytest.mark.parametrize(("drops", "is_marked"), [([5, 6, 7], True), ([-5, 6, 1], False)])
def test_a_difference_is_marked_where_its_interval_leaves_out_zero(drops, is_marked):
    records = [cell("baseline", seed, 80.0 + seed) for seed in range(3)]
    records += [cell("rdl=off", seed, 80.0 + seed - drop) for seed, drop in enumerate(drops)]

    rows = variant_rows(records, TOP1, ["baseline", "rdl=off"])

    assert ablation_table("tiny", rows, TOP1).rows[1][3].endswith(" *") is is_marked


def test_one_seed_shows_a_mean_and_a_difference_alone():
    records = [cell("baseline", 0, 80.0), cell("rdl=off", 0, 70.0)]

    rows = variant_rows(records, TOP1, ["baseline", "rdl=off"])
    table = ablation_table("tiny", rows, TOP1)

    assert rows_of(table)["rdl=off"][:3] == ("70.00", "1", "-10.00")


@pytest.mark.parametrize(("mode", "name"), [("max", "baseline"), ("min", "rdl=off")])
def test_the_best_variant_has_the_best_mean(mode, name):
    rows = variant_rows(RECORDS, TOP1, ORDER)

    assert best_variant(rows, mode).name == name


def test_there_is_no_best_variant_before_a_trial_is_complete():
    assert best_variant(variant_rows([], TOP1, ORDER), "max") is None


def test_complete_trials_rank_before_stopped_ones_and_those_without_a_value_last():
    records = [
        trial("waiting", [], State.WAITING),
        trial("stopped", [99.0], State.PRUNED),
        trial("good", [10.0, 70.0, 60.0]),
        trial("zero", [0.0]),
        trial("better", [80.0]),
    ]

    ranked = [record.plan.name for record in ranking(records, TOP1)]

    assert ranked == ["better", "good", "zero", "stopped", "waiting"]


def test_a_loss_ranks_from_low_to_high():
    records = [make_record(make_plan(str(v)), [v], metric="val/loss") for v in (2.0, 0.5, 1.0)]

    assert [record.plan.name for record in ranking(records, LOSS)] == ["0.5", "1.0", "2.0"]


def test_the_leaderboard_shows_the_best_trials_with_their_parameters():
    records = [
        trial("a", [50.0], lr=0.123456, kernels=[3, 5]),
        trial("b", [60.0, 55.0], lr=0.1, ratio=8),
        trial("c", [10.0], State.PRUNED, lr=1e-5),
    ]

    table = leaderboard("hunt", records, TOP1, top=2)

    assert table.columns == (
        "rank",
        "trial",
        "val/top1",
        "epochs",
        "state",
        "lr",
        "ratio",
        "kernels",
    )
    assert table.rows == (
        ("1", "b", "60.00", "2", "complete", "0.1", "8", ""),
        ("2", "a", "50.00", "1", "complete", "0.1235", "", "[3, 5]"),
    )
    assert table.notes[0] == "3 trials: 2 complete, 1 pruned."


@pytest.mark.parametrize("select_on", ["val", "test", "none"])
def test_epochs_selected_on_the_test_split_are_noted_as_not_held_out(select_on):
    objective = Objective(metric="test/top1")

    tables = [make("s", [], objective, select_on) for make in (ablation_table, leaderboard)]

    is_noted = [any("not a held-out figure" in note for note in t.notes) for t in tables]
    assert is_noted == [select_on == "test"] * 2


def test_markdown_is_a_table_with_its_title_before_and_notes_after():
    table = Table("Study tiny", ("variant", "val/top1"), (("baseline", "81.00"),), ("A note.",))

    assert table.markdown() == (
        "**Study tiny**\n\n| variant | val/top1 |\n| --- | --- |\n| baseline | 81.00 |\n\nA note.\n"
    )


def test_a_bar_in_a_cell_does_not_make_a_column():
    table = Table("t", ("variant",), (("a|b",),))

    row = table.markdown().splitlines()[-1]

    assert row.replace("\\|", "").count("|") == 2

import csv
import io

import pytest

from orchestrator.records import State
from orchestrator.reports.leaderboard import leaderboard
from orchestrator.reports.links import RunLinks
from orchestrator.reports.numbers import trials_csv
from orchestrator.reports.ranking import ranking
from orchestrator.reports.table import Table
from orchestrator.spec import StudySpec
from tests.orchestrator.made_up import LOSS, TOP1, make_plan, make_record

SEARCH = {"trials": 3, "space": {"optimizer.lr": {"float": [0.01, 0.3]}}}


def spec_of(study_of, **search: object) -> StudySpec:
    return study_of(search=SEARCH | search).spec


def texts(table: Table) -> list[list[str]]:
    return [[entry.text for entry in entries] for _, entries in table.entries()]


def trial(name: str, values: list[float], state: State = State.COMPLETE, **params: object):
    return make_record(make_plan(name, params=params), values, state)


def trade(name: str, value: float, macs: int):
    return make_record(make_plan(name), [value], result={"macs": macs})


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


def test_the_leaderboard_shows_the_best_trials_with_their_parameters(study_of):
    records = [
        trial("a", [50.0], lr=0.123456, kernels=[3, 5]),
        trial("b", [60.0, 55.0], lr=0.1, ratio=8),
        trial("c", [10.0], State.PRUNED, lr=1e-5),
    ]

    table = leaderboard(spec_of(study_of), records, "val", top=2)

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
    assert texts(table) == [
        ["1", "b", "60.00", "2", "complete", "0.1", "8", ""],
        ["2", "a", "50.00", "1", "complete", "0.1235", "", "[3, 5]"],
    ]
    assert table.notes[0] == "3 trials: 2 complete, 1 pruned."


TRADES = [trade("slow", 90.0, 9), trade("beaten", 70.0, 8), trade("fast", 80.0, 1)]
TWO = {"further_objectives": [{"metric": "macs", "mode": "min"}], "sampler": {"name": "random"}}


def test_with_several_objectives_the_front_comes_first_and_is_marked(study_of):
    table = leaderboard(spec_of(study_of, **TWO), TRADES, "val")

    assert table.columns[:5] == ("rank", "front", "trial", "val/top1", "macs")
    assert [row[1:3] for row in texts(table)] == [["✓", "slow"], ["✓", "fast"], ["", "beaten"]]
    assert any(note.startswith("Front:") for note in table.notes)


def test_a_front_is_shown_whole_however_few_rows_are_wanted(study_of):
    table = leaderboard(spec_of(study_of, **TWO), TRADES, "val", top=1)

    assert [row[2] for row in texts(table)] == ["slow", "fast"]


def test_a_trial_leads_to_its_run(study_of):
    links = RunLinks("http://host", "7", runs={"a": "run1"})

    table = leaderboard(spec_of(study_of), [trial("a", [50.0])], "val", links)

    ((_, entries),) = table.entries()
    assert [link.url for link in entries[1].links] == ["http://host/#/experiments/7/runs/run1"]


def test_the_csv_of_a_search_has_every_trial_in_full_precision(study_of):
    records = [trial("a", [50.0], lr=0.1234567), trial("b", [60.0], kernels=[3, 5])]

    rows = list(csv.DictReader(io.StringIO(trials_csv(records, [TOP1], RunLinks()))))

    assert [row["trial"] for row in rows] == ["b", "a"]
    assert (rows[1]["lr"], rows[0]["kernels"]) == ("0.1234567", "[3, 5]")


@pytest.mark.parametrize("select_on", ["val", "test"])
def test_trials_selected_on_the_test_split_are_noted_as_not_held_out(study_of, select_on):
    table = leaderboard(spec_of(study_of), [], select_on)

    is_noted = any("not a held-out figure" in note for note in table.notes)
    assert is_noted is (select_on == "test")

from orchestrator.records import State
from orchestrator.reports.front import front_table
from orchestrator.spec import StudySpec
from tests.orchestrator.made_up import make_plan, make_record


def spec_of(**search: object) -> StudySpec:
    space = {"model.width": {"int": [8, 64]}}
    content = {"study": "s", "trial": "t", "objective": {"metric": "val/top1"}}
    return StudySpec.model_validate(content | {"search": {"trials": 3, "space": space} | search})


def trial(name: str, top1: float, macs: int, state: State = State.COMPLETE):
    return make_record(make_plan(name), [top1], state, result={"macs": macs})


def test_with_several_objectives_the_front_comes_first_with_all_its_figures():
    records = [
        trial("worse", 60, 99_000),
        trial("cheap", 50, 10_000),
        trial("stopped", 95, 5, State.PRUNED),
        trial("good", 90, 50_000),
    ]
    spec = spec_of(further_objectives=[{"metric": "macs", "mode": "min"}])

    table = front_table(spec, records, "val")

    assert table.columns[:4] == ("front", "trial", "val/top1", "macs")
    assert [(row[0], row[1].text, *row[2:4]) for row in table.rows] == [
        ("*", "good", "90", "50,000"),
        ("*", "cheap", "50", "10,000"),
        ("", "worse", "60", "99,000"),
        ("", "stopped", "95", "-"),
    ]

from dataclasses import replace

from orchestrator.reports.description import LONGEST, description
from orchestrator.reports.links import RunLinks
from orchestrator.reports.study import StudyReport
from tests.orchestrator.reports.made_up import draw

LINKS = RunLinks("http://host", "7", runs={"baseline seed 0": "run1"})


def report_of(results) -> StudyReport:
    study = replace(results.study, question="Does it help?\nCost: little.")
    return StudyReport(study, [], replace(results, study=study), LINKS)


def test_it_begins_with_the_question_and_where_to_look(results_of):
    report = report_of(results_of({"baseline": draw(0.9)}))

    text = description(report, ["[Report](#a)", "[Means](#b)"])

    assert text.startswith("Does it help?\n\n[Report](#a) · [Means](#b)\n\n**Study tiny**")
    assert "run1" not in text


def test_what_does_not_fit_is_cut_between_lines(results_of):
    variants = {f"variant {number} {'x' * 60}": {"model.width": 4 * number} for number in range(60)}

    text = description(report_of(results_of({}, variants=variants)), [])

    assert len(text) <= LONGEST
    assert text.endswith("|\n\n... (the rest is in report.html)\n")

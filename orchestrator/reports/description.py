"""What the UI shows above the study's run: where to look, and the tables as far as they fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.reports.links import RunLinks
from orchestrator.reports.markdown import as_markdown
from orchestrator.reports.study import StudyReport

LONGEST = 5000


def description(report: StudyReport, ways: Iterable[str]) -> str:
    """`ways` are links as Markdown. Runs are not linked: they hang below this one."""
    tables = as_markdown(replace(report, links=RunLinks()).tables)
    question = report.study.question.strip().partition("\n")[0]
    return _cut("\n\n".join([*filter(None, [question]), " · ".join(ways), tables]))


def _cut(text: str) -> str:
    """At the end of a line; the page has the rest."""
    if len(text) <= LONGEST:
        return text
    ending = "\n\n... (the rest is in report.html)\n"
    kept = text[: LONGEST - len(ending)]
    return kept[: kept.rfind("\n")] + ending

"""The report of a study: what is known of it, and its text in every format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from orchestrator.ablation.results import AblationResults
from orchestrator.records import TrialRecord
from orchestrator.reports.ablation import ablation_table
from orchestrator.reports.effects import effects_table
from orchestrator.reports.latex import as_latex
from orchestrator.reports.leaderboard import leaderboard
from orchestrator.reports.links import RunLinks
from orchestrator.reports.markdown import as_markdown
from orchestrator.reports.numbers import cells_csv, trials_csv, variants_csv
from orchestrator.reports.picture import Picture
from orchestrator.reports.table import Table
from orchestrator.reports.variance import anova_table
from orchestrator.spec import Study


class Format(StrEnum):
    """What a report is written as."""

    TERMINAL = "terminal"
    """Tables for the screen."""
    MARKDOWN = "markdown"
    """Tables for a page or a pull request, with links to the runs."""
    LATEX = "latex"
    """Tables for a paper (booktabs)."""
    CSV = "csv"
    """All figures in full precision, for other programs."""
    HTML = "html"
    """One page with tables, pictures, failures, environment; it needs no network."""

    @classmethod
    def of_file(cls, file: Path) -> Format | None:
        endings = {".md": cls.MARKDOWN, ".tex": cls.LATEX, ".csv": cls.CSV, ".html": cls.HTML}
        return endings.get(file.suffix.lower())


@dataclass(frozen=True, eq=False)
class StudyReport:
    """`results` of an ablation, None of a search; the same records make the same texts."""

    study: Study
    records: Sequence[TrialRecord]
    results: AblationResults | None
    links: RunLinks = field(default_factory=RunLinks)
    environment: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    """Name to digest of the data sets in use."""
    plan: str = ""
    """What `skeltune plan` calls it by."""

    def unlinked(self) -> StudyReport:
        """For pages that others read: no addresses of this machine's MLflow."""
        return replace(self, links=RunLinks())

    @cached_property
    def tables(self) -> list[Table]:
        if self.results is None:
            return [self._leaderboard]
        further = (effects_table(self.results), anova_table(self.results))
        known = [table for table in further if table is not None]
        return [ablation_table(self.results, self.links), *known]

    @property
    def _leaderboard(self) -> Table:
        select_on = self.study.baseline.select_on
        return leaderboard(self.study.spec, self.records, select_on, self.links)

    def text(self, form: Format, *, cells: bool = False, pictures: Sequence[Picture] = ()) -> str:
        """`cells`: a row of CSV is a cell, not a variant. `pictures` go into the page."""
        match form:
            case Format.MARKDOWN:
                return as_markdown(self.tables)
            case Format.LATEX:
                return as_latex(self.tables)
            case Format.CSV:
                return self._csv(cells)
            case Format.HTML:
                from orchestrator.reports.page import page

                return page(self, pictures)
            case Format.TERMINAL:
                raise AssertionError("tables for the screen are drawn by the view")

    def _csv(self, cells: bool) -> str:
        if self.results is None:
            return trials_csv(self.records, self.study.spec.objectives, self.links)
        return cells_csv(self.results, self.links) if cells else variants_csv(self.results)

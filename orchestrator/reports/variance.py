"""The analysis of variance of a factorial study: where the spread of its values comes from."""

from __future__ import annotations

from orchestrator.ablation.results import AblationResults, factorial_cells
from orchestrator.reports.table import Table
from orchestrator.stats.anova import AnovaRow, anova
from orchestrator.stats.factorial import Cell

_NOTE = (
    "Sums of squares of type II over the values of the trials, seeds as blocks. Clips are not "
    "looked at and p is not corrected: this speaks of these clips alone."
)


def anova_table(results: AblationResults) -> Table | None:
    """None unless a setting has several components crossed, and seeds to judge by."""
    rows: list[tuple[str, ...]] = []
    sections: dict[int, str] = {}
    for setting in results.settings:
        found = _anova(factorial_cells(results.of_setting(setting)))
        if found and setting:
            sections[len(rows)] = setting
        rows += map(_row, found)
    if not rows:
        return None
    columns = ("source", "df", "sum of squares", "F", "p")
    title = f"Analysis of variance of {results.study.spec.study}"
    return Table(title, columns, tuple(rows), (_NOTE,), sections)


def _anova(cells: list[Cell]) -> list[AnovaRow]:
    components = {name for cell in cells for name in cell.levels}
    is_crossed = len(components) > 1 and any(len(cell.levels) > 1 for cell in cells)
    return anova(cells) if is_crossed else []


def _row(row: AnovaRow) -> tuple[str, ...]:
    figures = ("" if value is None else f"{value:.3g}" for value in (row.f, row.p_value))
    return (row.source, str(row.degrees), f"{row.sum_of_squares:.1f}", *figures)

"""The analysis of variance of a factorial design, with seeds as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.stats.factorial import ON, Cell, Design, Kind, factorial_effects


@dataclass(frozen=True)
class AnovaRow:
    """A line of the table; F and p are None for the residual."""

    source: str
    degrees: int
    sum_of_squares: float
    f: float | None
    p_value: float | None


def anova(cells: Sequence[Cell]) -> list[AnovaRow]:
    """Seeds, components, interactions of two where the design shows all of them, and the residual.

    Sums of squares of type II over the seeds' values: clips are not looked at, so that this table
    speaks of these clips alone. Empty where nothing is left to judge by.
    """
    import pandas as pd  # with the next two a second to import
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    names = list(Design(cells).components)
    fit = ols(_formula(cells, names), pd.DataFrame(_columns(cells, names))).fit()
    if fit.df_resid < 1:
        return []
    return [_row(source, row, names) for source, row in anova_lm(fit, typ=2).iterrows()]


def _formula(cells: Sequence[Cell], names: list[str]) -> str:
    factors = " + ".join(f"factor{number}" for number in range(len(names)))
    return f"value ~ C(seed) + ({factors}){'**2' if _shows_interactions(cells) else ''}"


def _shows_interactions(cells: Sequence[Cell]) -> bool:
    levels = [len(others) for others in Design(cells).components.values()]
    wanted = (sum(levels) ** 2 - sum(n**2 for n in levels)) // 2
    return sum(e.kind is Kind.INTERACTION for e in factorial_effects(cells)) == wanted


def _columns(cells: Sequence[Cell], names: list[str]) -> dict[str, list[Any]]:
    rows = [
        (value, seed, *(cell.levels.get(name, ON) for name in names))
        for cell in cells
        for seed, value in zip(cell.sample.seeds, cell.sample.values, strict=True)
    ]
    headings = ["value", "seed", *(f"factor{number}" for number in range(len(names)))]
    return dict(zip(headings, map(list, zip(*rows, strict=True)), strict=True))


def _row(source: str, row: Any, names: list[str]) -> AnovaRow:
    """With the components' own names, whatever characters they have."""
    words = {f"factor{number}": name for number, name in enumerate(names)}
    words |= {"C(seed)": "seed", "Residual": "residual"}
    is_residual = source == "Residual"
    return AnovaRow(
        source=" x ".join(words[word] for word in source.split(":")),
        degrees=int(row["df"]),
        sum_of_squares=float(row["sum_sq"]),
        f=None if is_residual else float(row["F"]),
        p_value=None if is_residual else float(row["PR(>F)"]),
    )

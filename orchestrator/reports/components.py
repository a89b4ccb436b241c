"""The columns that say which variant a row is: its components, or its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.ablation.designs import GONE, Variant
from orchestrator.ablation.results import AblationResults
from orchestrator.ablation.spec import OFF, ON
from orchestrator.engine.config import flattened

_SIGNS = {ON: "✓", OFF: "–", GONE: "n/a"}


@dataclass(frozen=True)
class Identity:
    """`columns`, and what stands in them for a variant."""

    columns: tuple[str, ...]
    of: Callable[[Variant], tuple[str, ...]]


def identity(results: AblationResults) -> Identity:
    """A column a component or factor, and the name where that does not tell variants apart."""
    factors = _factors(results)
    levels = level_table(results)
    is_told = all(row.variant.levels or row.variant.is_baseline for row in results.rows)

    def of(variant: Variant) -> tuple[str, ...]:
        known = levels[variant.name]
        signs = tuple(_sign(known.get(factor, "")) for factor in factors)
        return signs if is_told else (bare_name(variant), *signs)

    return Identity(factors if is_told else ("variant", *factors), of)


def bare_name(variant: Variant) -> str:
    """Without the setting, which stands above."""
    return variant.name.removeprefix(f"{variant.setting}: ")


def level_table(results: AblationResults) -> dict[str, dict[str, str]]:
    """Every variant's level of every component and factor; none for explicit variants."""
    factors = _factors(results)
    values = flattened(results.study.baseline.plain())
    first = {f: _value(values[f]) if f in values else ON for f in factors}
    return {
        row.variant.name: first | row.variant.levels
        if row.variant.levels or row.variant.is_baseline
        else {}
        for row in results.rows
    }


def _factors(results: AblationResults) -> tuple[str, ...]:
    """In the order of the study file; factors of grids after the components."""
    used = dict.fromkeys(name for row in results.rows for name in row.variant.levels)
    components = [name for name in results.ablation.components if name in used]
    return (*components, *(name for name in used if name not in components))


def _sign(level: str) -> str:
    return _SIGNS.get(level, level)


def _value(value: object) -> str:
    return json.dumps(value)

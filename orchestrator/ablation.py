"""Designs: which variants an ablation compares with its baseline."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from orchestrator.ablation_spec import BASELINE, Ablation, Changes


@dataclass(frozen=True)
class Variant:
    """A row of the table: the level of each component that is not `on`, and what that changes."""

    name: str
    levels: dict[str, str]
    changes: Changes


def variants_of(ablation: Ablation) -> list[Variant]:
    """The baseline first, then the design's variants, then the explicit ones."""
    designed = {"leave_one_out": _leave_one_out, "factorial": _factorial}[ablation.design]
    explicit = [Variant(name, {}, changes) for name, changes in ablation.variants.items()]
    return [Variant(BASELINE, {}, {}), *designed(ablation), *explicit]


def _leave_one_out(ablation: Ablation) -> list[Variant]:
    """Each component alone at each of its other levels."""
    return [
        _variant(ablation, {component: level})
        for component, levels in ablation.components.items()
        for level in levels
    ]


def _factorial(ablation: Ablation) -> list[Variant]:
    """Every combination of levels but the baseline's."""
    components = ablation.components
    combinations = itertools.product(*(["on", *levels] for levels in components.values()))
    chosen = (dict(zip(components, levels, strict=True)) for levels in combinations)
    off = ({c: level for c, level in levels.items() if level != "on"} for levels in chosen)
    return [_variant(ablation, levels) for levels in off if levels]


def _variant(ablation: Ablation, levels: dict[str, str]) -> Variant:
    changes: Changes = {}
    for component, level in levels.items():
        changes |= ablation.components[component][level]
    name = ", ".join(f"{component}={level}" for component, level in levels.items())
    return Variant(name, levels, changes)

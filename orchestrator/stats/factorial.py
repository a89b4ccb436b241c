"""Factorial designs: what each component does, and what two of them do together.

Cells are described by a linear model with main effects and interactions of two. An effect is a
linear combination of cells, found by least squares: plain averages for a full factorial, the usual
contrasts for a fraction of one. Those that a design cannot tell from others are left out.
Higher interactions are averaged over in a full factorial and taken for absent in a fraction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import combinations, product

import numpy as np

from orchestrator.stats.effects import Effect, contrast
from orchestrator.stats.samples import Floats, Sample

ON = "on"
NO_WEIGHT = 1e-9
"""Of a cell that an effect does not use: rounding."""
Levels = Mapping[str, str]
Combination = Sequence[tuple[float, Levels]]


class Kind(StrEnum):
    """What an effect of a factorial design compares."""

    MAIN = "main effect"
    """A level with the level `on`, averaged over the levels of all other components."""
    SIMPLE = "simple effect"
    """Two cells that differ in this level alone, where the design has no such average."""
    INTERACTION = "interaction"
    """How much the effect of one component changes with the level of another."""


@dataclass(frozen=True, eq=False)
class Cell:
    """A variant by its levels; a component that is not named has the level `on`."""

    levels: Levels
    sample: Sample


@dataclass(frozen=True)
class FactorialEffect:
    """`levels` are those that are compared with `on`: two of an interaction, else one.

    A component that helps has a negative effect of being off (positive for a loss).
    """

    kind: Kind
    levels: Levels
    effect: Effect


class Design:
    """The cells of one study and the model of them."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = list(cells)
        self.components = _components(cells)

    def weights(self, combination: Combination, order: int = 2) -> Floats | None:
        """Of the cells (N,), so that they estimate a combination of averages at some levels.

        Each average is over all levels of the components not named. None where the design does
        not tell it apart from other effects of the model, which goes up to interactions of `order`.
        """
        wanted = sum(weight * self._average(levels, order) for weight, levels in combination)
        model = self._models[order]
        found: Floats = wanted @ np.linalg.pinv(model)
        return found if np.allclose(found @ model, wanted, atol=1e-8) else None

    def estimate(self, weights: Floats, confidence: float) -> Effect | None:
        used = [
            (w, cell) for w, cell in zip(weights, self.cells, strict=True) if abs(w) > NO_WEIGHT
        ]
        return contrast([(float(w), cell.sample) for w, cell in used], confidence=confidence)

    @cached_property
    def _models(self) -> dict[int, Floats]:
        return {n: np.array([self._row(cell.levels, n) for cell in self.cells]) for n in (1, 2)}

    def _average(self, levels: Levels, order: int) -> Floats:
        """The row of the model that stands for all cells with these levels."""
        choices = [[levels[c]] if c in levels else [ON, *ls] for c, ls in self.components.items()]
        cells = [dict(zip(self.components, chosen, strict=True)) for chosen in product(*choices)]
        average: Floats = np.mean([self._row(cell, order) for cell in cells], axis=0)
        return average

    def _row(self, levels: Levels, order: int) -> Floats:
        """A one, an indicator for each other level than `on`, and their products."""
        single = [
            np.array([float(levels.get(component, ON) == level) for level in others])
            for component, others in self.components.items()
        ]
        double = [np.outer(a, b).ravel() for a, b in combinations(single, 2)]
        return np.concatenate([[1.0], *single, *(double if order == 2 else [])])


def _components(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Each component with its levels other than `on`, in the order of the cells."""
    components: dict[str, list[str]] = {}
    for cell in cells:
        for component, level in cell.levels.items():
            known = components.setdefault(component, [])
            if level not in (ON, *known):
                known.append(level)
    return {component: levels for component, levels in components.items() if levels}


def factorial_effects(cells: Sequence[Cell], *, confidence: float = 0.95) -> list[FactorialEffect]:
    """Main (or simple) effects, then interactions of two; those that the design can tell apart."""
    design = Design(cells)
    chosen = [(c, level) for c, levels in design.components.items() for level in levels]
    pairs = [(a, b) for a, b in combinations(chosen, 2) if a[0] != b[0]]
    effects = [
        _main_effect(design, c, level, confidence) or _simple_effect(design, c, level, confidence)
        for c, level in chosen
    ]
    effects += [_interaction(design, dict(pair), confidence) for pair in pairs]
    return [effect for effect in effects if effect is not None]


def _main_effect(
    design: Design, component: str, level: str, confidence: float
) -> FactorialEffect | None:
    weights = design.weights(against_on(component, level))
    effect = None if weights is None else design.estimate(weights, confidence)
    return None if effect is None else FactorialEffect(Kind.MAIN, {component: level}, effect)


def _simple_effect(
    design: Design, component: str, level: str, confidence: float
) -> FactorialEffect | None:
    """More than two cells would be added up as if there were no interactions."""
    weights = design.weights(against_on(component, level), order=1)
    if weights is None or np.count_nonzero(np.abs(weights) > NO_WEIGHT) != 2:
        return None
    effect = design.estimate(weights, confidence)
    return None if effect is None else FactorialEffect(Kind.SIMPLE, {component: level}, effect)


def against_on(component: str, level: str) -> Combination:
    return [(1.0, {component: level}), (-1.0, {component: ON})]


def _interaction(design: Design, levels: Levels, confidence: float) -> FactorialEffect | None:
    weights = design.weights(interaction(levels))
    effect = None if weights is None else design.estimate(weights, confidence)
    return None if effect is None else FactorialEffect(Kind.INTERACTION, levels, effect)


def interaction(levels: Levels) -> Combination:
    """Of two components: the effect of the first at the second's level, less that at `on`."""
    (first, one), (second, two) = levels.items()
    return [
        (1.0, {first: one, second: two}),
        (-1.0, {first: one, second: ON}),
        (-1.0, {first: ON, second: two}),
        (1.0, {first: ON, second: ON}),
    ]

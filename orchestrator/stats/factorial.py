"""Factorial designs: what each component does, and what two of them do together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.stats.effects import Effect
from orchestrator.stats.samples import Sample


class Kind(StrEnum):
    """What an effect of a factorial design compares."""

    MAIN = "main effect"
    """A level with the level `on`, averaged over the levels of all other components."""
    INTERACTION = "interaction"
    """How much the effect of one component changes with the level of another."""


@dataclass(frozen=True, eq=False)
class Cell:
    """A variant by its levels; a component that is not named has the level `on`."""

    levels: Mapping[str, str]
    sample: Sample


@dataclass(frozen=True)
class FactorialEffect:
    """`levels` are those that are compared with `on`: one of a main effect, two of an interaction.

    A component that helps has a negative effect of being off (positive for a loss).
    """

    kind: Kind
    levels: Mapping[str, str]
    effect: Effect


def factorial_effects(cells: Sequence[Cell], *, confidence: float = 0.95) -> list[FactorialEffect]:
    """Main effects, then interactions of two; those that the design can tell apart."""
    return []


@dataclass(frozen=True)
class AnovaRow:
    """A line of the analysis of variance; F and p are None for the residual."""

    source: str
    degrees: int
    sum_of_squares: float
    f: float | None
    p_value: float | None


def anova(cells: Sequence[Cell]) -> list[AnovaRow]:
    """Components, their interactions of two, and seeds as blocks, on the seeds' values."""
    return []

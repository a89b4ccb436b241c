"""Do two components add up, or does one make the other superfluous? Said only where shown.

A gain is what a component adds, level `on` less another level, with or without the other component;
the gains of the other components' levels are averaged. All gains and interactions of a study are
judged together. A component helps where its gain is shown and may reach the margin; it adds nothing
where a gain as large as the margin is ruled out. That one gain is shown and another is not proves
nothing (Gelman & Stern, The American Statistician 60, 2006): their difference, the interaction,
must be shown itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from orchestrator.stats.effects import Effect
from orchestrator.stats.factorial import ON, Cell, Combination, Design, Levels, interaction
from orchestrator.stats.racing import SeedRace
from orchestrator.stats.verdicts import Judgement, Mode, Verdict, judge


class Relation(StrEnum):
    """What is shown of two components; the first is the subject of the sentence."""

    EITHER_WILL_DO = "either {a} or {b} will do"
    """Each helps without the other and adds nothing beside it."""
    ONLY_WITHOUT = "{a} matters only without {b}"
    """The first helps without the second and adds nothing beside it."""
    ONLY_WITH = "{a} matters only with {b}"
    """The first helps beside the second and adds nothing without it."""
    ONLY_TOGETHER = "{a} and {b} matter only together"
    """Each helps beside the other and adds nothing without it."""
    ADD_UP = "{a} and {b} add up"
    """Both help, and the gain of neither depends on the other by as much as the margin."""
    WEAKEN = "{a} and {b} gain less together than apart"
    """The interaction is shown to cost; how much is left of each gain is not."""
    STRENGTHEN = "{a} and {b} gain more together than apart"
    """The interaction is shown to help; what each gains alone is not."""
    NEITHER_MATTERS = "neither {a} nor {b} matters"
    """All four gains are shown to be smaller than the margin."""
    NOT_SHOWN = "how {a} and {b} go together is not shown"
    """The tests allow none of these."""


class Gain(StrEnum):
    """A comparison within a pair."""

    FIRST_WITH = "first with second"
    FIRST_WITHOUT = "first without second"
    SECOND_WITH = "second with first"
    SECOND_WITHOUT = "second without first"
    TOGETHER = "interaction"
    """The gain of either with the other, less that without it."""


@dataclass(frozen=True)
class Pair:
    """Two components at levels other than `on`, with what is shown of them."""

    levels: Levels
    relation: Relation
    subject: str
    """The component that the sentence begins with."""
    gains: Mapping[Gain, Judgement]

    @property
    def sentence(self) -> str:
        (other,) = self.levels.keys() - {self.subject}
        named = {name: _named(name, level) for name, level in self.levels.items()}
        return self.relation.value.format(a=named[self.subject], b=named[other])


def _named(component: str, level: str) -> str:
    return component if level == "off" else f"{component} (not {level})"


def redundancy(
    cells: Sequence[Cell],
    margin: float,
    alpha: float = 0.05,
    *,
    mode: Mode = "max",
    race: SeedRace | None = None,
) -> list[Pair]:
    """Every pair of levels whose gains the design can tell apart."""
    pairs = _gains_of_pairs(Design(cells), 1 - alpha)
    flat = [effect for _, gains in pairs for effect in gains.values()]
    judged = iter(judge(flat, margin, alpha, mode=mode, race=race))
    return [_pair(levels, {gain: next(judged) for gain in gains}) for levels, gains in pairs]


def _gains_of_pairs(design: Design, confidence: float) -> list[tuple[Levels, dict[Gain, Effect]]]:
    chosen = [(c, level) for c, levels in design.components.items() for level in levels]
    pairs = [dict(pair) for pair in combinations(chosen, 2) if pair[0][0] != pair[1][0]]
    gains = [(levels, _gains(design, levels, confidence)) for levels in pairs]
    return [(levels, found) for levels, found in gains if len(found) == len(Gain)]


def _gains(design: Design, levels: Levels, confidence: float) -> dict[Gain, Effect]:
    """Those that the design can tell apart."""
    (a, off_a), (b, off_b) = levels.items()
    combined: dict[Gain, Combination] = {
        Gain.FIRST_WITH: [(1.0, {a: ON, b: ON}), (-1.0, {a: off_a, b: ON})],
        Gain.FIRST_WITHOUT: [(1.0, {a: ON, b: off_b}), (-1.0, {a: off_a, b: off_b})],
        Gain.SECOND_WITH: [(1.0, {a: ON, b: ON}), (-1.0, {a: ON, b: off_b})],
        Gain.SECOND_WITHOUT: [(1.0, {a: off_a, b: ON}), (-1.0, {a: off_a, b: off_b})],
        Gain.TOGETHER: interaction(levels),
    }
    weights = {gain: design.weights(combination) for gain, combination in combined.items()}
    known = {gain: weight for gain, weight in weights.items() if weight is not None}
    effects = {gain: design.estimate(weight, confidence) for gain, weight in known.items()}
    return {gain: effect for gain, effect in effects.items() if effect is not None}


def _pair(levels: Levels, gains: dict[Gain, Judgement]) -> Pair:
    first, second = levels
    claims = [
        (_relation(gains), first),
        (_one_sided(gains, Gain.FIRST_WITH, Gain.FIRST_WITHOUT), first),
        (_one_sided(gains, Gain.SECOND_WITH, Gain.SECOND_WITHOUT), second),
        (_interplay(gains), first),
    ]
    relation, subject = next((r, name) for r, name in claims if r is not None)
    return Pair(levels, relation, subject, gains)


def _relation(gains: Mapping[Gain, Judgement]) -> Relation | None:
    """What is said of both alike."""
    withs = [gains[Gain.FIRST_WITH], gains[Gain.SECOND_WITH]]
    withouts = [gains[Gain.FIRST_WITHOUT], gains[Gain.SECOND_WITHOUT]]
    together = gains[Gain.TOGETHER]
    if all(judgement.is_within_margin for judgement in (*withs, *withouts)):
        return Relation.NEITHER_MATTERS
    if together.verdict is Verdict.WORSE and _replace(withouts, withs):
        return Relation.EITHER_WILL_DO
    if together.verdict is Verdict.BETTER and _replace(withs, withouts):
        return Relation.ONLY_TOGETHER
    helped = all(_helps(w) or _helps(o) for w, o in zip(withs, withouts, strict=True))
    return Relation.ADD_UP if helped and together.is_within_margin else None


def _one_sided(gains: Mapping[Gain, Judgement], beside: Gain, alone: Gain) -> Relation | None:
    """What is said of one of them."""
    together = gains[Gain.TOGETHER].verdict
    if together is Verdict.WORSE and _replace([gains[alone]], [gains[beside]]):
        return Relation.ONLY_WITHOUT
    if together is Verdict.BETTER and _replace([gains[beside]], [gains[alone]]):
        return Relation.ONLY_WITH
    return None


def _interplay(gains: Mapping[Gain, Judgement]) -> Relation:
    shown = {Verdict.WORSE: Relation.WEAKEN, Verdict.BETTER: Relation.STRENGTHEN}
    return shown.get(gains[Gain.TOGETHER].verdict, Relation.NOT_SHOWN)


def _replace(helpful: Sequence[Judgement], idle: Sequence[Judgement]) -> bool:
    return all(map(_helps, helpful)) and all(gain.is_within_margin for gain in idle)


def _helps(judgement: Judgement) -> bool:
    return judgement.verdict is Verdict.BETTER and not judgement.is_within_margin

"""The table of what components do, alone and with each other, where a design can tell."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.ablation.results import AblationResults, Factors, factorial_cells, race_of
from orchestrator.ablation.spec import OFF
from orchestrator.reports.foot import BELOW_ONE_CLIP
from orchestrator.reports.table import Entry, Table
from orchestrator.reports.wording import Scale, verdict, verdict_on_levels
from orchestrator.stats.factorial import FactorialEffect, Kind
from orchestrator.stats.redundancy import Pair, Relation, redundancy
from orchestrator.stats.verdicts import Judgement

_NOTE = (
    "Main effect: how {metric} changes when the component is taken away (or put at this level), "
    "averaged over the other components. Simple effect: the same between two rows that differ in "
    "this alone, where the design has no average. Interaction: by how much that change differs "
    "with the other component. Verdicts are corrected over the effects of a setting (Holm)."
)


def effects_table(results: AblationResults) -> Table | None:
    """None where no design of the study has main effects, or its cells are missing."""
    rows: list[tuple[str | Entry, ...]] = []
    sections: dict[int, str] = {}
    for factors in results.factors:
        if factors.effects and factors.setting:
            sections[len(rows)] = factors.setting
        rows += _rows(results, factors)
    if not rows:
        return None
    notes = (_NOTE.format(metric=results.study.spec.objective.metric), *together(results))
    title = f"What the components of {results.study.spec.study} do"
    return Table(title, ("component", "kind", "effect", "verdict"), tuple(rows), notes, sections)


def together(results: AblationResults) -> Iterator[str]:
    """What is shown of every two components, a sentence a setting."""
    for setting in results.settings:
        shown = [p.sentence for p in _pairs(results, setting) if p.relation != Relation.NOT_SHOWN]
        if shown:
            where = f"Together, {setting}" if setting else "Together"
            yield f"{where}: {'; '.join(shown)}."


def _pairs(results: AblationResults, setting: str) -> list[Pair]:
    """None without a margin: that a component adds nothing is a question of how much matters."""
    if results.margin is None:
        return []
    cells = factorial_cells(results.of_setting(setting))
    alpha, mode = 1 - results.ablation.confidence, results.study.spec.objective.mode
    return redundancy(cells, results.margin, alpha, mode=mode, race=race_of(results.ablation))


def _rows(results: AblationResults, factors: Factors) -> Iterator[tuple[str | Entry, ...]]:
    scale = Scale(results.study.spec.objective.metric)
    margin = scale.amount(results.margin)
    for effect, judgement in factors.effects:
        marks = (BELOW_ONE_CLIP,) if judgement.effect.is_below_resolution else ()
        figure = Entry(scale.difference(judgement), marks=marks)
        yield _named(effect), effect.kind.value, figure, _words(effect, judgement, margin)


def _named(effect: FactorialEffect) -> str:
    names = (
        name if level == OFF else f"{name} at {level}" for name, level in effect.levels.items()
    )
    return " and ".join(names)


def _words(effect: FactorialEffect, judgement: Judgement, margin: str) -> str:
    if effect.kind is Kind.INTERACTION:
        depends = "what one does depends on the other"
        return verdict(judgement, margin, depends, depends)
    return verdict_on_levels(judgement, dict(effect.levels), margin)

"""The interaction map of a factorial design: what components do alone, and what two do together."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from orchestrator.ablation.results import AblationResults, Factors
from orchestrator.pictures.canvas import canvas, house_style, png_of, text_colour
from orchestrator.pictures.effects import MARKS
from orchestrator.pictures.names import labelled, metric_of, points_of, signed, told_range
from orchestrator.reports.picture import Picture
from orchestrator.stats.factorial import Kind
from orchestrator.stats.verdicts import Judgement

_GLYPHS = {"^": "▲", "v": "▼", "s": "■", "o": "○"}
_CELL = 0.95

Places = dict[tuple[int, int], Judgement]
"""(row, column): main effects on the diagonal, interactions below it."""


def interactions_picture(results: AblationResults) -> Picture | None:
    """None unless some setting has interactions."""
    known = [f for f in results.factors if any(e.kind is Kind.INTERACTION for e, _ in f.effects)]
    if not known:
        return None
    metric, mode = metric_of(results), results.study.spec.objective.mode
    colours = "RdBu" if mode == "max" else "RdBu_r"
    with house_style():
        png = png_of(
            draw_interactions(known, labelled(f"effect on {metric}", points_of(metric)), colours)
        )
    seeds = told_range(j.effect.num_seeds for f in known for _, j in f.effects)
    caption = (
        "On the diagonal the main effect of each level (minus the level `on`, averaged over all "
        "other components); below it the interactions: by how much the effect of one changes when "
        "the other is at its level, too. A strongly positive interaction of two levels that both "
        "hurt means that the components are redundant. Numbers are estimates with their "
        f"{results.ablation.confidence:.0%} intervals over seeds and clips, n = {seeds} seeds; "
        "▲ better, ▼ worse, ■ equivalent, ○ inconclusive, corrected for all of them."
    )
    return Picture("interactions", "Components and their interactions", caption, png=png)


def draw_interactions(settings: list[Factors], label: str, colours: str) -> Figure:
    """A lower triangle a setting, all in one scale of the `colours`, a map of matplotlib's."""
    placed = [_placed(factors) for factors in settings]
    side = max(len(names) for names, _ in placed)
    size = _CELL * side + 1.4
    figure, grid = canvas(size * len(placed) + 0.8, size, 1, len(placed))
    estimates = [abs(j.effect.estimate) for _, places in placed for j in places.values()]
    limit = 1.3 * max(estimates) or 1.0
    for axes, factors, (names, places) in zip(grid[0], settings, placed, strict=True):
        image = _draw_map(axes, names, places, limit, colours)
        axes.set_title(factors.setting)
    figure.colorbar(image, ax=list(grid[0]), label=label, shrink=0.7)
    return figure


def _placed(factors: Factors) -> tuple[list[str], Places]:
    """The levels, those with an effect of their own first, and where each effect is drawn."""
    effects = [one for one, _ in factors.effects]
    levels = list(dict.fromkeys(level for one in effects for level in one.levels.items()))
    places: Places = {}
    for one, judgement in factors.effects:
        rows = sorted(levels.index(level) for level in one.levels.items())
        places[rows[-1], rows[0]] = judgement
    return ["=".join(level) for level in levels], places


def _draw_map(
    axes: Axes, names: list[str], places: Places, limit: float, colours: str
) -> AxesImage:
    estimates = np.full((len(names), len(names)), np.nan)
    for place, judgement in places.items():
        estimates[place] = judgement.effect.estimate
    image = axes.imshow(estimates, cmap=colours, vmin=-limit, vmax=limit)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for (row, column), judgement in places.items():
        colour = text_colour(image, judgement.effect.estimate)
        axes.text(column, row, _told(judgement), ha="center", va="center", color=colour, size=7.5)
    return image


def _told(judgement: Judgement) -> str:
    first = f"{_GLYPHS[MARKS[judgement.verdict].shape]} {signed(judgement.effect.estimate)}"
    if judgement.interval is None:
        return first
    low, high = map(signed, judgement.interval)
    return f"{first}\n[{low},\n{high}]"

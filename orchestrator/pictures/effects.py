"""Forest plots: every difference with its interval, and what it allows to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from orchestrator.ablation.results import AblationResults
from orchestrator.pictures.canvas import (
    BLUE,
    DARKER,
    GREY,
    PALE,
    VERMILLION,
    canvas,
    house_style,
    png_of,
    wrapped,
)
from orchestrator.pictures.names import (
    labelled,
    metric_of,
    points_of,
    short_name,
    signed,
    told_range,
)
from orchestrator.reports.picture import Picture
from orchestrator.stats.verdicts import Judgement, Verdict


class Mark(NamedTuple):
    """How a verdict is drawn, in colour and in grey print."""

    shape: str
    colour: str
    is_filled: bool


MARKS = {
    Verdict.BETTER: Mark("^", BLUE, True),
    Verdict.WORSE: Mark("v", VERMILLION, True),
    Verdict.EQUIVALENT: Mark("s", GREY, True),
    Verdict.INCONCLUSIVE: Mark("o", GREY, False),
}

Lines = Mapping[str, Judgement]
"""A name and its judgement, from top to bottom."""
Panels = Mapping[str, Lines]
"""The lines of every setting."""


@dataclass(frozen=True)
class Scale:
    """What the axis of differences shows besides them."""

    label: str
    margin: float | None
    """The width within which a difference would not matter, if that was said."""
    resolution: float | None
    """The width of one clip."""


def effects_picture(results: AblationResults) -> Picture | None:
    """Every variant against the baseline of its setting; None before one can be compared."""
    panels = {setting: _compared(results, setting) for setting in results.settings}
    return _forest_picture(
        results,
        {setting: lines for setting, lines in panels.items() if lines},
        ("effects", "Differences to the baseline"),
        "variant minus baseline",
        "Each variant minus the baseline",
    )


def components_picture(results: AblationResults) -> Picture | None:
    """Main effects and interactions of a factorial design; None without any."""
    panels = {
        factors.setting: {told_levels(one.levels): judged for one, judged in factors.effects}
        for factors in results.factors
        if factors.effects
    }
    return _forest_picture(
        results,
        panels,
        ("components", "Effects of components"),
        "level minus on",
        "Main effects, a level minus the level `on`, averaged over the levels of all other "
        "components (between two cells where the design has no average), and interactions (×), by "
        "how much one effect changes with the other level",
    )


def told_levels(levels: Mapping[str, str]) -> str:
    return " × ".join(f"{component}={level}" for component, level in levels.items())


def _compared(results: AblationResults, setting: str) -> Lines:
    rows = results.of_setting(setting)
    return {short_name(r.variant): r.judgement for r in rows if r.judgement is not None}


def _forest_picture(
    results: AblationResults, panels: Panels, named: tuple[str, str], minus: str, what: str
) -> Picture | None:
    if not panels:
        return None
    scale = _scale(results, panels, minus)
    with house_style():
        png = png_of(draw_forest(panels, scale))
    return Picture(*named, _caption(results, panels, scale, what), png=png)


def draw_forest(panels: Panels, scale: Scale) -> Figure:
    """A panel a setting under one another, all on one scale; estimates in words at the right."""
    heights = [len(lines) + 1.2 for lines in panels.values()]
    figure, grid = canvas(
        7.4,
        1.1 + 0.27 * sum(heights),
        len(panels),
        sharex=True,
        gridspec_kw={"height_ratios": heights},
    )
    for axes, (setting, lines) in zip(grid[:, 0], panels.items(), strict=True):
        _draw_panel(axes, setting, lines, scale)
    grid[-1, 0].set_xlabel(scale.label)
    verdicts = {judgement.verdict for judgement in _all_of(panels)}
    figure.legend(handles=_legend(verdicts, scale), loc="outside lower center", ncols=6)
    return figure


def _draw_panel(axes: Axes, setting: str, lines: Lines, scale: Scale) -> None:
    axes.set_title(setting)
    for width, colour in ((scale.margin, PALE), (scale.resolution, DARKER)):
        if width is not None:
            axes.axvspan(-width, width, color=colour, zorder=0, linewidth=0)
    axes.axvline(0, color="black", linewidth=0.7)
    for place, judgement in enumerate(lines.values()):
        _draw_line(axes, place, judgement)
    places = range(len(lines))
    axes.set_yticks(places, [wrapped(name) for name in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    told = axes.secondary_yaxis("right")
    told.set_yticks(places, [told_effect(judgement) for judgement in lines.values()])
    told.tick_params(length=0)
    told.spines["right"].set_visible(False)


def _draw_line(axes: Axes, place: int, judgement: Judgement) -> None:
    mark = MARKS[judgement.verdict]
    if judgement.interval is not None:
        ends = list(judgement.interval)
        axes.plot(ends, [place, place], color=mark.colour, linewidth=1.4, solid_capstyle="butt")
    axes.plot(judgement.effect.estimate, place, **_marker(mark))


def _marker(mark: Mark) -> dict[str, Any]:
    return {
        "marker": mark.shape,
        "color": mark.colour,
        "markerfacecolor": mark.colour if mark.is_filled else "white",
        "markersize": 6.5,
        "linestyle": "none",
    }


def told_effect(judgement: Judgement) -> str:
    """`+0.46 [−0.31, +1.23], 5 seeds`."""
    effect, seeds = judgement.effect, judgement.effect.num_seeds
    counted = f"{seeds} seed{'s' if seeds > 1 else ''}"
    if judgement.interval is None:
        return f"{signed(effect.estimate)}, {counted}"
    interval = ", ".join(map(signed, judgement.interval))
    return f"{signed(effect.estimate)} [{interval}], {counted}"


def _legend(verdicts: set[Verdict], scale: Scale) -> list[Line2D | Patch]:
    marks = [
        Line2D([], [], label=verdict.value, **_marker(mark))
        for verdict, mark in MARKS.items()
        if verdict in verdicts
    ]
    bands = []
    if scale.margin is not None:
        bands.append(Patch(color=PALE, label=f"margin, ±{scale.margin:g}"))
    if scale.resolution is not None:
        bands.append(Patch(color=DARKER, label=f"one clip, ±{scale.resolution:.2f}"))
    return [*marks, *bands]


def _all_of(panels: Panels) -> Iterator[Judgement]:
    for lines in panels.values():
        yield from lines.values()


def _scale(results: AblationResults, panels: Panels, minus: str) -> Scale:
    metric, mode = metric_of(results), results.study.spec.objective.mode
    better = "better →" if mode == "max" else "← better"
    label = f"{labelled(f'{metric}, {minus}', points_of(metric))}   {better}"
    widths = [j.effect.resolution for j in _all_of(panels) if j.effect.resolution is not None]
    return Scale(label, results.margin, max(widths, default=None))


def _caption(results: AblationResults, panels: Panels, scale: Scale, what: str) -> str:
    effects = [judgement.effect for judgement in _all_of(panels)]
    clips = {effect.num_clips for effect in effects} - {None}
    over = "seeds and clips" if clips else "seeds"
    judged = f", judged by {told_range(clips)} clips" if clips else ""
    sentences = [
        f"{what}, paired by {over}: n = {told_range(e.num_seeds for e in effects)} seeds{judged}.",
        f"Bars are {results.ablation.confidence:.0%} intervals from the variance over {over}; "
        "where there is none, one seed is known or nothing varies.",
        "Verdicts (the marks) are corrected for all comparisons of the study, the intervals are "
        "not: one of them may leave out 0 without a verdict.",
    ]
    if scale.margin is not None:
        sentences.append(
            f"The light band is the margin of ±{scale.margin:g}, within which a difference would "
            "not matter."
        )
    if scale.resolution is not None:
        sentences.append(
            f"The dark band is what one clip is worth, ±{scale.resolution:.2f}: the split cannot "
            "show less."
        )
    return " ".join(sentences)

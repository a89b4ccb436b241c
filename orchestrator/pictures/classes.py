"""Which classes a variant gains or loses against the baseline of its setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orchestrator.ablation.results import AblationResults
from orchestrator.pictures.canvas import (
    BLUE,
    GREY,
    VERMILLION,
    house_style,
    panels,
    png_of,
    wrapped,
)
from orchestrator.pictures.confusion import Confusions, confusions_of
from orchestrator.pictures.names import short_name, told_range
from orchestrator.reports.picture import Picture
from orchestrator.stats.effects import Effect, contrast
from orchestrator.stats.samples import Sample

_COLUMNS = 4
_MOST_CLASSES = 30

Differences = Mapping[str, Mapping[str, Effect]]
"""By variant and class."""


@dataclass(frozen=True)
class Drawn:
    """The classes that are shown, and how many there are."""

    classes: list[str]
    num_classes: int


def classes_pictures(results: AblationResults, trials: Path) -> list[Picture]:
    """One a setting in which a variant can be compared with its baseline."""
    return [
        picture
        for number, setting in enumerate(results.settings, start=1)
        if (picture := _classes_picture(results, setting, number, trials)) is not None
    ]


def _classes_picture(
    results: AblationResults, setting: str, number: int, trials: Path
) -> Picture | None:
    differences = class_differences(results, setting, trials)
    if not differences:
        return None
    drawn = _most_different(differences)
    with house_style():
        png = png_of(draw_classes(differences, drawn))
    effects = [effect for by_class in differences.values() for effect in by_class.values()]
    chosen = (
        f"The {len(drawn.classes)} of {drawn.num_classes} classes that differ most are shown. "
        if len(drawn.classes) < drawn.num_classes
        else ""
    )
    caption = (
        "Top-1 accuracy of each class, variant minus baseline, in points, paired by seed: the mean "
        f"over n = {told_range(e.num_seeds for e in effects)} seeds with its "
        f"{results.ablation.confidence:.0%} interval over seeds (Student's t; none where all seeds "
        "differ alike, or with one seed). Filled marks: the interval leaves out 0. "
        f"{chosen}The intervals take the clips as they are and are not corrected for the number of "
        "classes: of twenty classes one is expected to stand out by chance."
    )
    name = "classes" if len(results.settings) == 1 else f"classes_{number}"
    return Picture(name, f"Differences class by class {setting}".strip(), caption, png=png)


def class_differences(results: AblationResults, setting: str, trials: Path) -> Differences:
    """Of the variants that share seeds with the baseline and have their predictions saved."""
    found = [(row, confusions_of(row, trials)) for row in results.of_setting(setting)]
    baseline = next(confusions for row, confusions in found if row.variant.is_baseline)
    if baseline is None:
        return {}
    confidence = results.ablation.confidence
    compared = {
        short_name(row.variant): _differences(confusions, baseline, confidence)
        for row, confusions in found
        if confusions is not None and not row.variant.is_baseline
    }
    return {name: by_class for name, by_class in compared.items() if by_class}


def _differences(ours: Confusions, baseline: Confusions, confidence: float) -> dict[str, Effect]:
    """Classes without clips are left out."""
    pairs = zip(ours.classes, ours.per_class.T, baseline.per_class.T, strict=True)
    effects = {
        name: contrast(
            [(1, Sample(ours.seeds, mine)), (-1, Sample(baseline.seeds, theirs))],
            confidence=confidence,
        )
        for name, mine, theirs in pairs
        if not np.isnan([*mine, *theirs]).any()
    }
    return {name: effect for name, effect in effects.items() if effect is not None}


def _most_different(differences: Differences) -> Drawn:
    classes = list(next(iter(differences.values())))
    largest = {
        name: max(abs(by[name].estimate) for by in differences.values() if name in by)
        for name in classes
    }
    chosen = set(sorted(classes, key=lambda name: -largest[name])[:_MOST_CLASSES])
    return Drawn([name for name in classes if name in chosen], len(classes))


def draw_classes(differences: Differences, drawn: Drawn) -> Figure:
    height = 0.4 + 0.155 * len(drawn.classes)
    figure, places = panels(len(differences), _COLUMNS, (1.75, height), (1.6, 0.4))
    for axes, (name, by_class) in zip(places, differences.items(), strict=True):
        axes.set_title(wrapped(name, 28), fontsize=7.5)
        _draw_variant(axes, [by_class.get(one) for one in drawn.classes])
    places[0].set_yticks(range(len(drawn.classes)), drawn.classes)
    places[0].set_ylim(len(drawn.classes) - 0.4, -0.6)
    figure.supxlabel("top-1 of the class, variant minus baseline (points)", size=8)
    return figure


def _draw_variant(axes: Axes, effects: list[Effect | None]) -> None:
    known = [(place, effect) for place, effect in enumerate(effects) if effect is not None]
    places, estimates = [p for p, _ in known], [e.estimate for _, e in known]
    colours = [_colour(effect) for _, effect in known]
    fills = ["white" if colour == GREY else colour for colour in colours]
    axes.axvline(0, color="black", linewidth=0.6)
    axes.hlines(
        places,
        [e.estimate if e.low is None else e.low for _, e in known],
        [e.estimate if e.high is None else e.high for _, e in known],
        colors=colours,
        linewidth=1.0,
        zorder=2,
    )
    axes.scatter(estimates, places, s=14, c=fills, edgecolors=colours, linewidths=0.9, zorder=3)


def _colour(effect: Effect) -> str:
    """Grey where the interval has 0 in it, or is not known."""
    if effect.low is None or effect.high is None or effect.low <= 0 <= effect.high:
        return GREY
    return BLUE if effect.estimate > 0 else VERMILLION

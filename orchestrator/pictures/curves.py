"""Learning curves: how the objective went with the epochs, and how far seeds lie apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from orchestrator.ablation.results import AblationResults, VariantResult
from orchestrator.pictures.canvas import BLUE, GREY, house_style, png_of, wrapped
from orchestrator.pictures.canvas import panels as panels_of
from orchestrator.pictures.names import labelled, metric_of, short_name, told_range, unit_of
from orchestrator.reports.picture import Picture

Curves = NDArray[np.float64]
"""(S, E): seeds by epochs."""

_COLUMNS = 4


def curves_pictures(results: AblationResults) -> list[Picture]:
    """One a setting that has trials which ran all their epochs."""
    return [
        picture
        for number, setting in enumerate(results.settings, start=1)
        if (picture := _curves_picture(results, setting, number)) is not None
    ]


def _curves_picture(results: AblationResults, setting: str, number: int) -> Picture | None:
    metric, rows = metric_of(results), results.of_setting(setting)
    panels = {name: c for row in rows for name, c in curves_of(row, metric).items()}
    baseline = next((c for r in rows[:1] for c in curves_of(r, metric).values()), None)
    if not panels:
        return None
    with house_style():
        png = png_of(draw_curves(panels, baseline, labelled(metric, unit_of(metric))))
    seeds = told_range(len(curves) for curves in panels.values())
    caption = (
        f"{metric} after each epoch, a panel a variant: the line is the mean over n = {seeds} "
        "seeds, the band reaches from the lowest to the highest seed. The grey dashed line is the "
        "baseline's mean. Only trials that ran all their epochs are drawn; the tables have each "
        "trial's best epoch, not its last."
    )
    name = "curves" if len(results.settings) == 1 else f"curves_{number}"
    return Picture(name, f"Learning curves {setting}".strip(), caption, png=png)


def curves_of(row: VariantResult, metric: str) -> dict[str, Curves]:
    """By the name of the variant, of a variant with several streams one a stream."""
    name, streams = short_name(row.variant), list(row.variant.streams)
    names = [f"{name}, {stream}" for stream in streams] or [name]
    done = [cell for cell in row.cells if cell.score is not None]
    found = {
        name: [r.values(metric) for cell in done if (r := cell.records[place]) is not None]
        for place, name in enumerate(names)
    }
    return {name: np.array(curves) for name, curves in found.items() if any(curves)}


def draw_curves(panels: Mapping[str, Curves], baseline: Curves | None, label: str) -> Figure:
    figure, places = panels_of(len(panels), _COLUMNS, (1.9, 1.55), (0.6, 0.5))
    for axes, (name, curves) in zip(places, panels.items(), strict=True):
        _draw_panel(axes, wrapped(name, 30), curves, baseline)
    figure.supxlabel("epoch", size=8)
    figure.supylabel(label, size=8)
    return figure


def _draw_panel(axes: Axes, name: str, curves: Curves, baseline: Curves | None) -> None:
    epochs = np.arange(1, curves.shape[1] + 1)
    if baseline is not None and baseline.shape[1] == len(epochs):
        axes.plot(epochs, baseline.mean(axis=0), color=GREY, linewidth=1, linestyle="--")
    low, high = curves.min(axis=0), curves.max(axis=0)
    axes.fill_between(epochs, low, high, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(epochs, curves.mean(axis=0), color=BLUE, linewidth=1.3)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_title(name, fontsize=7.5)
    axes.text(0.97, 0.04, f"n = {len(curves)}", transform=axes.transAxes, ha="right", size=7)

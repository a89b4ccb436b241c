"""What accuracy costs: the objective against parameters and multiply-accumulates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from orchestrator.ablation.results import AblationResults, VariantResult
from orchestrator.pictures.canvas import BLUE, GREY, ORANGE, canvas, house_style, png_of
from orchestrator.pictures.names import labelled, metric_of, told_range, unit_of
from orchestrator.reports.picture import Picture

FIGURES = {"num_params": "parameters", "macs": "multiply-accumulates a clip"}
_MOST_LABELS = 24
_LINE = 0.15
"""Inches that a label takes."""


class Point(NamedTuple):
    """Mean and standard deviation (0 for one seed) of a variant's objective over its seeds."""

    name: str
    cost: int
    mean: float
    std: float


def costs_picture(results: AblationResults) -> Picture | None:
    """None where the variants that are known all cost the same."""
    panels = {key: points_of_cost(results.rows, key) for key in FIGURES}
    panels = {key: points for key, points in panels.items() if len({p.cost for p in points}) > 1}
    if not panels:
        return None
    metric, mode = metric_of(results), results.study.spec.objective.mode
    with house_style():
        png = png_of(draw_costs(panels, labelled(metric, unit_of(metric)), mode == "max"))
    seeds = told_range(len(r.sample.seeds) for r in results.rows if r.sample is not None)
    caption = (
        f"Mean {metric} of each variant's best epochs over n = {seeds} seeds against its size and "
        "its work (all streams together); bars are one standard deviation over seeds. The stepped "
        "line is the Pareto front: filled marks are variants that no cheaper or equal one is "
        "better than. Whether a difference is shown at all is told by the picture of differences."
    )
    return Picture("costs", "Accuracy against cost", caption, png=png)


def points_of_cost(rows: Sequence[VariantResult], key: str) -> list[Point]:
    known = [(row, row.figure(key), row.sample) for row in rows]
    return [
        Point(row.variant.name, cost, float(sample.values.mean()), _std(sample.values))
        for row, cost, sample in known
        if cost is not None and sample is not None
    ]


def _std(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def pareto_front(points: Sequence[Point], is_max: bool) -> list[Point]:
    """From the cheapest on, those that are better than all that cost no more."""
    sign = 1 if is_max else -1
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -sign * p.mean)):
        if not front or sign * point.mean > sign * front[-1].mean:
            front.append(point)
    return front


def draw_costs(panels: dict[str, list[Point]], label: str, is_max: bool) -> Figure:
    longest = max(len(points) for points in panels.values())
    height = max(3.0, _LINE * min(longest, _MOST_LABELS) + 1.0)
    figure, grid = canvas(5.2 * len(panels), height, 1, len(panels), sharey=True)
    for axes, (key, points) in zip(grid[0], panels.items(), strict=True):
        front = pareto_front(points, is_max)
        _draw_points(axes, points, front)
        _scale_costs(axes, points, FIGURES[key])
        _label_points(axes, points, front, height)
    grid[0, 0].set_ylabel(label)
    return figure


def _draw_points(axes: Axes, points: list[Point], front: list[Point]) -> None:
    style: dict[str, Any] = {"fmt": "none", "ecolor": GREY, "elinewidth": 0.8, "zorder": 1}
    costs, means = [p.cost for p in points], [p.mean for p in points]
    axes.errorbar(costs, means, [p.std for p in points], **style)
    axes.plot(
        [p.cost for p in front],
        [p.mean for p in front],
        drawstyle="steps-post",
        color=ORANGE,
        linewidth=1.2,
        zorder=0,
    )
    fills = [BLUE if point in front else "white" for point in points]
    axes.scatter(costs, means, s=26, c=fills, edgecolors=BLUE, linewidths=1.0, zorder=2)


def _scale_costs(axes: Axes, points: list[Point], name: str) -> None:
    costs = [point.cost for point in points]
    if max(costs) > 3 * min(costs):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.set_xlabel(name)


def _label_points(axes: Axes, points: list[Point], front: list[Point], height: float) -> None:
    """Names in a column at the right, each with a thin line to its mark."""
    shown = points if len(points) <= _MOST_LABELS else front
    ordered = sorted(shown, key=lambda p: p.mean)
    low, high = axes.get_ylim()
    wanted = np.array([(p.mean - low) / (high - low) for p in ordered])
    for point, place in zip(ordered, spread(wanted, _LINE / (height - 0.8)), strict=True):
        axes.annotate(
            point.name,
            (point.cost, point.mean),
            (1.06, place),
            textcoords="axes fraction",
            va="center",
            size=7,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "relpos": (0, 0.5)},
        )


def spread(wanted: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Places in 0 to 1 near the wanted ones (ascending) and at least a gap apart.

    Pushed up from the lowest, then back down from the top where that left the axis.
    """
    steps = gap * np.arange(len(wanted))
    pushed = np.maximum.accumulate(wanted - steps) + steps
    ceiling = 1 - gap * np.arange(len(wanted))[::-1]
    placed: NDArray[np.float64] = np.minimum(pushed, ceiling)
    return placed

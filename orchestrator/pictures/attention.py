"""Where a trained model looks: attention drawn on the skeleton, over the frames and frequencies.

Shapes: n clips, T frames, V joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from orchestrator.insight import Attention, Insight, Over
from orchestrator.pictures.canvas import (
    BLUE,
    GREY,
    SEQUENTIAL,
    VERMILLION,
    canvas,
    house_style,
    panels,
    png_of,
    wrapped,
)
from orchestrator.pictures.clips import Points, project
from orchestrator.reports.picture import Picture

Floats = NDArray[Any]
Groups = Mapping[str, NDArray[np.bool_]]
"""Which clips (n,) are averaged in a row of panels, by the row's name."""

_MOST_COLUMNS = 4
_FEWEST_CLIPS = 3
"""A class with fewer clips is not picked by itself."""


def attention_pictures(insight: Insight, label: str | None = None) -> list[Picture]:
    """Averages over all clips, and over those of one class.

    By default of the class whose attention is the least like that of all. None for a model without
    attention. Raises ValueError for a class that the data set does not have, or no clip of it.
    """
    if not insight.attention:
        return []
    groups = _groups(insight, label)
    drawn = {
        ("attention_joints", "Attention to joints"): _joints(insight, groups),
        ("attention_frames_joints", "Attention to frames and joints"): _heat(
            insight, Over.FRAMES_AND_JOINTS, groups, ("position in the clip (%)", "joint")
        ),
        ("attention_frames", "Attention to frames"): _frames(insight, groups),
        ("attention_frequencies", "Attention to frequencies"): _heat(
            insight, Over.FREQUENCIES, groups, ("frequency over time", "frequency over joints")
        ),
    }
    return [
        Picture(name, title, f"{told} {_told_clips(insight, groups)}", png=png)
        for (name, title), found in drawn.items()
        if found is not None
        for told, png in [found]
    ]


def _told_clips(insight: Insight, groups: Groups) -> str:
    counts = [f"{name}: n = {int(chosen.sum())}" for name, chosen in groups.items()]
    return (
        f"Means over clips of {insight.store.name}, split {insight.split} ({', '.join(counts)}), "
        "and over the persons of a clip, at the weights of one trial's best epoch."
    )


def _groups(insight: Insight, label: str | None) -> Groups:
    classes = insight.store.info.classes
    if label is not None and label not in classes:
        raise ValueError(f"{insight.store.name} has no class {label!r}; {', '.join(classes)}")
    number = most_unlike_all(insight) if label is None else classes.index(label)
    chosen = insight.labels == number
    if not chosen.any():
        raise ValueError(f"no clip of {classes[number]} was looked at")
    return {"all classes": np.ones_like(chosen), classes[number]: chosen}


def most_unlike_all(insight: Insight) -> int:
    """The class whose mean maps are furthest from those of all clips, map by map in units of the
    spread between clips."""
    labels, counts = np.unique(insight.labels, return_counts=True)
    known = labels[counts >= _FEWEST_CLIPS] if (counts >= _FEWEST_CLIPS).any() else labels
    distances = np.zeros(len(known))
    for attention in insight.attention:
        maps = attention.maps.reshape(len(insight.labels), -1)
        spread = maps.std() or 1.0
        distances += [_distance(maps, insight.labels == k) / spread for k in known]
    return int(known[distances.argmax()])


def _distance(maps: Floats, chosen: NDArray[np.bool_]) -> float:
    return float(np.abs(maps[chosen].mean(axis=0) - maps.mean(axis=0)).mean())


def some_of(found: Sequence[Attention]) -> list[Attention]:
    """At most so many as fit side by side, spread evenly, first and last among them."""
    places = np.linspace(0, len(found) - 1, min(_MOST_COLUMNS, len(found)))
    return [found[place] for place in places.round().astype(int)]


def _joints(insight: Insight, groups: Groups) -> tuple[str, bytes] | None:
    found = insight.of(Over.JOINTS) or insight.of(Over.FRAMES_AND_JOINTS)
    if not found:
        return None
    with house_style():
        png = png_of(draw_joints(insight, some_of(found), groups))
    caption = (
        "The larger and the brighter a joint, the higher its attention weight relative to the mean "
        "over all joints (1). Each module has a scale of its own, the same for both rows. The "
        "limbs have the mean of their ends; poses are those of one clip."
    )
    return caption, png


def draw_joints(insight: Insight, found: Sequence[Attention], groups: Groups) -> Figure:
    """A row a group, a column a module."""
    figure, grid = canvas(1.7 * len(found) + 0.5, 2.1 * len(groups) + 0.5, len(groups), len(found))
    poses = [_pose(insight, int(insight.clips[chosen][0])) for chosen in groups.values()]
    for one, axes_column in zip(found, grid.T, strict=True):
        weights = [relative_joint_weights(one.maps[chosen]) for chosen in groups.values()]
        scale = Normalize(min(map(np.min, weights)), max(map(np.max, weights)))
        for axes, pose, values in zip(axes_column, poses, weights, strict=True):
            limbs = _draw_skeleton(axes, insight, pose, values, scale)
        axes_column[0].set_title(wrapped(one.name, 22), loc="center", fontsize=7.5)
        figure.colorbar(limbs, ax=list(axes_column), location="bottom", shrink=0.8)
    for axes, name in zip(grid[:, 0], groups, strict=True):
        axes.set_ylabel(name)
    figure.supxlabel("attention weight / its mean over joints", size=8)
    return figure


def relative_joint_weights(maps: Floats) -> Floats:
    """(n, T, V) or (n, V) -> (V,), 1 on average."""
    mean = maps.reshape(-1, maps.shape[-1]).mean(axis=0)
    relative: Floats = mean / mean.mean()
    return relative


def _pose(insight: Insight, clip: int) -> Points:
    """(V, 2) of the first person in the middle of a clip, NaN where a joint is absent."""
    store = insight.store
    points = project(store.frames[store.offsets[clip] : store.offsets[clip + 1]], store.info)
    num_known = (~np.isnan(points[:, 0, :, 0])).sum(axis=1)
    frames = np.flatnonzero(num_known == num_known.max())
    pose: Points = points[frames[len(frames) // 2], 0]
    return pose


def _draw_skeleton(
    axes: Axes, insight: Insight, pose: Points, values: Floats, scale: Normalize
) -> LineCollection:
    edges = np.array(insight.store.info.edges)
    limbs = LineCollection(list(pose[edges]), cmap=SEQUENTIAL, norm=scale, linewidths=2.2)
    limbs.set_array(values[edges].mean(axis=1))
    axes.add_collection(limbs)
    sizes = 8 + 90 * np.clip(scale(values), 0, 1) ** 2
    axes.scatter(
        pose[:, 0],
        pose[:, 1],
        s=sizes,
        c=values,
        cmap=SEQUENTIAL,
        norm=scale,
        zorder=3,
        edgecolors="black",
        linewidths=0.4,
        clip_on=False,
    )
    axes.set_aspect("equal")
    axes.margins(0.12)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return limbs


def _heat(
    insight: Insight, over: Over, groups: Groups, labels: tuple[str, str]
) -> tuple[str, bytes] | None:
    found = some_of(insight.of(over))
    if not found:
        return None
    with house_style():
        png = png_of(draw_heat(found, groups, labels))
    caption = (
        f"The weight of each place, from dark (low) to bright (high): {labels[0]} across, "
        f"{labels[1]} up. Each module has a scale of its own, the same for all its rows."
    )
    return caption, png


def draw_heat(found: Sequence[Attention], groups: Groups, labels: tuple[str, str]) -> Figure:
    """A row a group, a column a module; the first axis of the maps lies across."""
    figure, grid = canvas(2.1 * len(found) + 0.6, 1.8 * len(groups), len(groups), len(found))
    for one, axes_column in zip(found, grid.T, strict=True):
        means = [one.maps[chosen].mean(axis=0) for chosen in groups.values()]
        low, high = min(mean.min() for mean in means), max(mean.max() for mean in means)
        for axes, mean in zip(axes_column, means, strict=True):
            image = axes.imshow(
                mean.T, aspect="auto", origin="lower", cmap=SEQUENTIAL, vmin=low, vmax=high,
                extent=_extent(one.over, *mean.shape),
            )  # fmt: skip
        axes_column[0].set_title(one.name, fontsize=7.5)
        figure.colorbar(image, ax=list(axes_column), shrink=0.6)
    for axes, name in zip(grid[:, 0], groups, strict=True):
        axes.set_ylabel(f"{name}\n{labels[1]}")
    figure.supxlabel(labels[0], size=8)
    return figure


def _extent(over: Over, across: int, up: int) -> tuple[float, float, float, float]:
    """Percent of the clip, as modules see it at different rates; frequencies as whole numbers."""
    right = 100.0 if over is Over.FRAMES_AND_JOINTS else across - 0.5
    left = 0.0 if over is Over.FRAMES_AND_JOINTS else -0.5
    return left, right, -0.5, up - 0.5


def _frames(insight: Insight, groups: Groups) -> tuple[str, bytes] | None:
    found = insight.of(Over.FRAMES)
    if not found:
        return None
    with house_style():
        png = png_of(draw_frames(found, groups))
    caption = (
        "The weight of each frame, between 0 and 1: lines are means over clips (solid: all "
        "classes; dashed: one class), the bands hold the middle half of the clips."
    )
    return caption, png


def draw_frames(found: Sequence[Attention], groups: Groups) -> Figure:
    figure, places = panels(len(found), _MOST_COLUMNS, (2.6, 1.9), (0.4, 0.5))
    styles = [(GREY, "-"), (VERMILLION, "--"), (BLUE, ":")]
    for axes, one in zip(places, found, strict=True):
        for (name, chosen), (colour, line) in zip(groups.items(), styles, strict=False):
            at = 100 * (np.arange(one.maps.shape[1]) + 0.5) / one.maps.shape[1]
            low, high = np.percentile(one.maps[chosen], [25, 75], axis=0)
            axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
            mean = one.maps[chosen].mean(axis=0)
            axes.plot(at, mean, color=colour, linestyle=line, label=name)
        axes.set_title(one.name, fontsize=7.5)
    places[0].legend()
    places[0].set_ylabel("weight")
    figure.supxlabel("position in the clip (%)", size=8)
    return figure

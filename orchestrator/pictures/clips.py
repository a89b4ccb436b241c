"""Pictures of a clip's skeletons: moving (.gif) or some frames side by side (.png)."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data.dataset import DatasetInfo
from data.store import ArrayStore

Points = NDArray[np.float64]
"""(T, M, V, 2) across and up, NaN where a joint is absent."""

LEFT, RIGHT, TRUNK, GROUND = "#1f77b4", "#d95f02", "#4d4d4d", "#cccccc"
SECOND_PERSON_ALPHA = 0.55
NUM_STRIP_FRAMES = 8
MOST_GIF_FRAMES = 150
FRAMES_A_SECOND = 25
HEIGHT_INCHES, TITLE_INCHES, DPI = 3.6, 4.5, 100
ASPECTS = (0.3, 2.5)
MARGIN, SMALLEST_EXTENT = 0.08, 1e-6
YAW_DEG = 20.0
CLEARLY_TALLER = 1.3


def find_clip(store: ArrayStore, clip: str) -> int:
    """The number of the clip of this name, else of this number; raises ValueError for neither."""
    found = np.flatnonzero(store.names == clip)
    if len(found):
        return int(found[0])
    if clip.isdigit() and int(clip) < len(store):
        return int(clip)
    close = difflib.get_close_matches(clip, store.names.tolist(), n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ValueError(
        f"{store.name} has clips 0 to {len(store) - 1}, {store.names[0]} to {store.names[-1]}, "
        f"got {clip!r}{hint}"
    )


def draw_clip(store: ArrayStore, number: int, path: Path) -> None:
    """Draw a clip into a file; raises ValueError for another kind of file than .gif and .png."""
    writers = {".gif": _write_gif, ".png": _write_strip}
    if path.suffix not in writers:
        raise ValueError(f"the picture must be a {' or '.join(writers)}, got {path}")
    skeleton = store.frames[store.offsets[number] : store.offsets[number + 1]]
    label = store.info.classes[store.labels[number]]
    title = f"{store.name} · {store.names[number]} · {label}"
    path.parent.mkdir(parents=True, exist_ok=True)
    writers[path.suffix](project(skeleton, store.info), store.info, title, path)


def project(skeleton: NDArray[Any], info: DatasetInfo) -> Points:
    """Joints (T, M, V, C) as a viewer sees them who looks along the depth, a little from the side.

    Of three coordinates y is up, unless the bodies are clearly taller along another axis; of two,
    as in images, y is down. Raises ValueError for any other number of coordinates, and if no joint
    has any.
    """
    num_coordinates = info.num_channels - info.has_score
    if num_coordinates not in {2, 3}:
        raise ValueError(f"{info.name}: a picture needs 2 or 3 coordinates, got {num_coordinates}")
    joints = skeleton[..., :num_coordinates].astype(np.float64)
    if not joints.any():
        raise ValueError(f"{info.name}: the clip has no joint to draw, all coordinates are zero")
    joints[~joints.any(axis=-1)] = np.nan
    if num_coordinates == 2:
        return joints * (1, -1)
    up = _up_axis(joints)
    across, depth = (axis for axis in range(3) if axis != up)
    yaw = np.deg2rad(YAW_DEG)
    seen_across = np.cos(yaw) * joints[..., across] + np.sin(yaw) * joints[..., depth]
    return np.stack([seen_across, joints[..., up]], axis=-1)


def _up_axis(joints: Points) -> int:
    bodies = joints.reshape(-1, *joints.shape[2:])
    bodies = bodies[~np.isnan(bodies).all(axis=(1, 2))]
    extents = np.median(np.nanmax(bodies, axis=1) - np.nanmin(bodies, axis=1), axis=0)
    tallest = int(extents.argmax())
    return tallest if extents[tallest] > CLEARLY_TALLER * extents[1] else 1


class _Pose:
    """The skeletons of one frame on some axes, which can be changed to another frame."""

    def __init__(self, axes: Axes, info: DatasetInfo, num_persons: int) -> None:
        self._edges = np.array(info.edges)
        left = {joint for joint, _ in info.mirrored}
        right = {joint for _, joint in info.mirrored}
        sides = [LEFT if j in left else RIGHT if j in right else TRUNK for j, _ in info.edges]
        self._limbs = []
        for person in range(num_persons):
            alpha = SECOND_PERSON_ALPHA if person else 1.0
            limbs = LineCollection([], colors=sides, linewidths=2.4, alpha=alpha, capstyle="round")
            axes.add_collection(limbs)
            self._limbs.append(limbs)
        (self._joints,) = axes.plot([], [], "o", color="black", markersize=2.2)

    def show(self, points: Points) -> None:
        """points (M, V, 2)"""
        for limbs, body in zip(self._limbs, points, strict=True):
            limbs.set_segments(list(body[self._edges]))
        self._joints.set_data(points[..., 0].ravel(), points[..., 1].ravel())


def _write_gif(points: Points, info: DatasetInfo, title: str, path: Path) -> None:
    lows, highs = _bounds(points)
    figure, (axes,) = _figure(highs - lows, 1, title, info)
    _limit(axes, lows, highs)
    pose = _Pose(axes, info, points.shape[1])
    writer = PillowWriter(fps=FRAMES_A_SECOND)
    with writer.saving(figure, str(path), dpi=DPI):
        for frame in range(0, len(points), -(-len(points) // MOST_GIF_FRAMES)):
            pose.show(points[frame])
            axes.set_xlabel(f"{frame + 1}/{len(points)}", size=8)
            writer.grab_frame()


def _write_strip(points: Points, info: DatasetInfo, title: str, path: Path) -> None:
    """Every frame is centred across: the strip shows poses, not the walk through the room."""
    present = np.flatnonzero(~np.isnan(points).all(axis=(1, 2, 3)))
    places = np.linspace(0, len(present) - 1, min(NUM_STRIP_FRAMES, len(present)))
    frames = present[places.round().astype(int)]
    spans = np.array([_bounds(points[[frame]]) for frame in frames])
    half_width = (spans[:, 1, 0] - spans[:, 0, 0]).max() / 2
    (_, low), (_, high) = _bounds(points)
    figure, panels = _figure(np.array([2 * half_width, high - low]), len(frames), title, info)
    for axes, frame, middle in zip(panels, frames, spans[:, :, 0].mean(axis=1), strict=True):
        _limit(axes, np.array([middle - half_width, low]), np.array([middle + half_width, high]))
        _Pose(axes, info, points.shape[1]).show(points[frame])
        axes.set_xlabel(f"{frame + 1}/{len(points)}", size=8)
    figure.savefig(path, dpi=DPI)


def _bounds(points: Points) -> tuple[Points, Points]:
    """The lowest and highest across and up (2,), stray joints left out, with a margin."""
    places = points.reshape(-1, 2)
    places = places[~np.isnan(places).any(axis=1)]
    lows, highs = np.percentile(places, [0.5, 99.5], axis=0)
    margin = MARGIN * max(*(highs - lows), SMALLEST_EXTENT)
    return lows - margin, highs + margin


def _figure(
    size: Points, num_panels: int, title: str, info: DatasetInfo
) -> tuple[Figure, list[Axes]]:
    """A row of panels whose sides are as `size` (2,), across and up, within reason."""
    width = HEIGHT_INCHES * float(np.clip(size[0] / size[1], *ASPECTS))
    figure = Figure((max(num_panels * width, TITLE_INCHES), HEIGHT_INCHES), layout="constrained")
    figure.suptitle(title, size=9)
    panels = figure.subplots(1, num_panels, squeeze=False)[0]
    for axes in panels:
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.spines["bottom"].set_color(GROUND)
    if info.mirrored:
        for place, colour, side in ((1.0, LEFT, "left"), (0.94, RIGHT, "right")):
            at = panels[0].transAxes
            panels[0].text(0.0, place, side, color=colour, size=8, va="top", transform=at)
    return figure, list(panels)


def _limit(axes: Axes, lows: Points, highs: Points) -> None:
    axes.set_xlim(lows[0], highs[0])
    axes.set_ylim(lows[1], highs[1])

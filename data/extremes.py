"""Few points of a clip whose range is that of all its joints, however they are turned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from data.dataset import FloatArray


class Extremes:
    """The points of n clips, gathered for some of them at a time."""

    def __init__(self, clips: list[FloatArray]) -> None:
        self._points = torch.from_numpy(np.concatenate(clips))
        self._counts = torch.tensor([len(points) for points in clips])
        self._firsts = self._counts.cumsum(0) - self._counts

    def of(self, places: Tensor) -> Tensor:
        """(n, D, 1, 1, S); a clip with fewer points repeats its last one."""
        counts = self._counts[places, None]
        numbers = torch.minimum(torch.arange(int(counts.max())), counts - 1)
        points = self._points[self._firsts[places, None] + numbers]
        return points.transpose(1, 2)[:, :, None, None].contiguous()


def axis_extremes(points: FloatArray) -> FloatArray:
    """The points (n, D) that are lowest or highest on an axis: enough where no map mixes axes."""
    if not len(points):
        return points
    chosen: FloatArray = points[np.concatenate([points.argmin(axis=0), points.argmax(axis=0)])]
    return chosen


def extreme_points(points: FloatArray) -> FloatArray:
    """The corners of the convex hull of points (n, D), which has the extremes of every linear map
    of them; all points where they lie in one plane."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return points

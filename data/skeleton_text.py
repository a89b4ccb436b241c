"""The `.skeleton` text files of NTU RGB+D (Shahroudy et al., CVPR 2016): bodies of Kinect v2.

Line by line: the number of frames; for every frame the number of bodies; for every body a line of
identity and hand states, the number of joints, and for every joint twelve fields, of which the
first three are x, y, z in metres. Which body comes first may change from frame to frame.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bodies = NDArray[np.float64]
"""(T, B, 25, 3): frames, bodies in the order of the file, joints; zero where there is no body."""

Point = tuple[float, float, float]

NUM_JOINTS = 25
NUM_FIELDS = 12
JOINT = f"a joint of {NUM_FIELDS} fields"


def read_skeleton_text(path: Path) -> Bodies:
    """All bodies of a file; B is the largest number in a frame and may be 0, as may T.

    What follows the last frame is not read. Raises ValueError, naming file and line, for a file
    that ends too early, a count that is none, another number of joints or fields, and coordinates
    that are not finite numbers.
    """
    lines = _Lines(path)
    num_frames = lines.count("frames")
    found = {}
    for frame in range(num_frames):
        for body in range(lines.count("bodies")):
            lines.take("a body's states")
            found[frame, body] = lines.joints()
    largest = max((body + 1 for _, body in found), default=0)
    bodies = np.zeros((num_frames, largest, NUM_JOINTS, 3))
    for place, joints in found.items():
        bodies[place] = joints
    return bodies


class _Lines:
    """The lines of a file, taken one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = path.read_bytes().splitlines()
        self._taken = 0

    def take(self, what: str) -> bytes:
        self._taken += 1
        if self._taken > len(self._lines):
            raise self._error(f"{what}, but the file ends")
        return self._lines[self._taken - 1]

    def count(self, what: str) -> int:
        line = self.take(f"the number of {what}")
        if not line.strip().isdigit():
            raise self._error(f"the number of {what}, got {_shown(line)}")
        return int(line)

    def joints(self) -> list[Point]:
        num_joints = self.count("joints")
        if num_joints != NUM_JOINTS:
            raise self._error(f"the number of joints, {NUM_JOINTS}, got {num_joints}")
        return [self._point() for _ in range(NUM_JOINTS)]

    def _point(self) -> Point:
        line = self.take(JOINT)
        fields = line.split()
        if len(fields) != NUM_FIELDS:
            raise self._error(f"{JOINT}, got {_shown(line)}")
        try:
            x, y, z = float(fields[0]), float(fields[1]), float(fields[2])
        except ValueError:
            x = y = z = math.nan
        if not math.isfinite(x + y + z):
            raise self._error(f"a joint with finite x, y and z, got {_shown(line)}")
        return x, y, z

    def _error(self, expected: str) -> ValueError:
        return ValueError(f"{self._path}, line {self._taken}: must be {expected}")


def _shown(line: bytes) -> str:
    return repr(line[:60].decode("ascii", "replace"))

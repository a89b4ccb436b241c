"""The `.skeleton` text files of NTU RGB+D (Shahroudy et al., CVPR 2016): bodies of Kinect v2.

Line by line: the number of frames; for every frame the number of bodies; for every body a line of
tracking id and hand states, the number of joints, and for every joint twelve fields, of which the
first three are x, y, z in metres. Which body comes first may change from frame to frame.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.number_table import to_number

NUM_JOINTS = 25
NUM_FIELDS = 12
MOST_COUNT_DIGITS = 9
JOINT = f"a joint of {NUM_FIELDS} fields"
LARGEST_ID = 2**64 - 1

Point = tuple[float, float, float]


class Bodies(NamedTuple):
    """What a file holds of T frames with up to B bodies, in the order of the file.

    joints (T, B, 25, 3) float64, zero where there is no body; ids (T, B) uint64, the tracking ids;
    counts (T,) int64, how many bodies the frame has.
    """

    joints: NDArray[np.float64]
    ids: NDArray[np.uint64]
    counts: NDArray[np.int64]


def parse_skeleton_text(content: bytes, name: str) -> Bodies:
    """All bodies of a file's content; T and B may be 0. `name` is what errors call the file.

    What follows the last frame is not read. Raises ValueError, naming file and line, for content
    that ends too early, a count or tracking id that is none, another number of joints or fields,
    and coordinates that are not finite numbers.
    """
    from data.skeleton_bytes import parse_bytes

    bodies = parse_bytes(content)
    if bodies is None:
        return _parse_lines(_Lines(content, name))
    return _place(*bodies)


def _parse_lines(lines: _Lines) -> Bodies:
    """Slower, but of any white space, and with the line of what is wrong."""
    counts, ids, joints = [], [], []
    for _ in range(lines.count("frames")):
        counts.append(lines.count("bodies"))
        for _ in range(counts[-1]):
            ids.append(lines.tracking_id())
            joints.append(lines.joints())
    return _place(
        np.array(counts, dtype=np.int64),
        np.array(ids, dtype=np.uint64),
        np.array(joints, dtype=np.float64).reshape(-1, NUM_JOINTS, 3),
    )


def _place(
    counts: NDArray[np.int64], ids: NDArray[np.uint64], joints: NDArray[np.float64]
) -> Bodies:
    """The bodies (n, ...) of all frames, one after the other, at their frames and places."""
    shape = (len(counts), int(counts.max(initial=0)))
    frames = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    bodies = Bodies(np.zeros((*shape, NUM_JOINTS, 3)), np.zeros(shape, dtype=np.uint64), counts)
    bodies.joints[frames, places] = joints
    bodies.ids[frames, places] = ids
    return bodies


class _Lines:
    """The lines of a file, taken one after the other."""

    def __init__(self, content: bytes, name: str) -> None:
        self._name = name
        self._lines = content.splitlines()
        self._taken = 0

    def count(self, what: str) -> int:
        line = self._take(f"the number of {what}")
        if not line.strip().isdigit() or len(line.strip()) > MOST_COUNT_DIGITS:
            raise self._error(f"the number of {what}, got {_shown(line)}")
        return int(line)

    def tracking_id(self) -> int:
        line = self._take("a body's states")
        identity = line.split(maxsplit=1)[:1]
        if not identity or not identity[0].isdigit() or len(identity[0]) > len(str(LARGEST_ID)):
            raise self._error(f"a body's states, first its tracking id, got {_shown(line)}")
        if int(identity[0]) > LARGEST_ID:
            raise self._error(f"a tracking id of at most {LARGEST_ID}, got {_shown(line)}")
        return int(identity[0])

    def joints(self) -> list[Point]:
        num_joints = self.count("joints")
        if num_joints != NUM_JOINTS:
            raise self._error(f"the number of joints, {NUM_JOINTS}, got {num_joints}")
        return [self._point() for _ in range(NUM_JOINTS)]

    def _point(self) -> Point:
        line = self._take(JOINT)
        fields = line.split()
        if len(fields) != NUM_FIELDS:
            raise self._error(f"{JOINT}, got {_shown(line)}")
        try:
            x, y, z = (to_number(field.decode("ascii", "replace")) for field in fields[:3])
        except ValueError:
            x = y = z = math.nan
        if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
            raise self._error(f"a joint with finite x, y and z, got {_shown(line)}")
        return x, y, z

    def _take(self, what: str) -> bytes:
        self._taken += 1
        if self._taken > len(self._lines):
            raise self._error(f"{what}, but the file ends")
        return self._lines[self._taken - 1]

    def _error(self, expected: str) -> ValueError:
        return ValueError(f"{self._name}, line {self._taken}: must be {expected}")


def _shown(line: bytes) -> str:
    return repr(line[:60].decode("ascii", "replace"))

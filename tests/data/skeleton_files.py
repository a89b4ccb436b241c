"""`.skeleton` files written by formula."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

NUM_JOINTS = 25
BODY = "72057594037931101 0 1 1 1 1 0 0.02 -0.08 2"
REST = "241.8 201.8 1000.1 540.6 -0.2 0.04 NaN 0.12 2"


def wave(frame: int, person: int) -> np.ndarray:
    """The joints (25, 3) of a moving body; person 1 moves more widely than person 0."""
    joints, axes = np.arange(NUM_JOINTS)[:, None], np.arange(3)
    turns = 0.5 * frame + 0.3 * joints + 1.1 * axes + person
    return (0.2, 0.6)[person] * np.sin(turns) + 0.1 * axes + 0.05 * joints


def waves() -> list[list[np.ndarray]]:
    """Six frames: none in the first, a third body that hardly moves in the fifth."""
    frames = [[wave(frame, 0), wave(frame, 1)] for frame in range(6)]
    frames[0] = []
    frames[4].append(0.001 * np.arange(NUM_JOINTS)[:, None] * np.array([1, 0, 0]))
    return frames


def write_skeleton_file(
    path: Path, frames: Sequence[Sequence[np.ndarray]], *, newline: str = "\n"
) -> Path:
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for joints in bodies:
            lines += [BODY, str(NUM_JOINTS)]
            lines += [f"{x:.7f} {y:.7f} {z:.7f} {REST}" for x, y, z in joints]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((newline.join(lines) + newline).encode())
    return path

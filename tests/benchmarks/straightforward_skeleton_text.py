"""`.skeleton` files read line by line: what is to be equalled and outrun."""

import math

import numpy as np


def read_skeleton_lines(content: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """joints (T, B, 25, 3), ids (T, B) and counts (T,); raises ValueError for damaged content."""
    lines = iter(content.splitlines())
    try:
        frames = [_read_frame(lines) for _ in range(_read_count(lines))]
    except StopIteration:
        raise ValueError("the content ends too early") from None
    shape = (len(frames), max(map(len, frames), default=0))
    joints, ids = np.zeros((*shape, 25, 3)), np.zeros(shape, dtype=np.uint64)
    for frame, bodies in enumerate(frames):
        for place, (identity, points) in enumerate(bodies):
            ids[frame, place] = identity
            joints[frame, place] = points
    return joints, ids, np.array([len(bodies) for bodies in frames], dtype=np.int64)


def _read_frame(lines):
    return [_read_body(lines) for _ in range(_read_count(lines))]


def _read_body(lines):
    fields = next(lines).split()
    if not fields or not fields[0].isdigit() or int(fields[0][:21]) >= 2**64:
        raise ValueError(f"no tracking id: {fields}")
    if _read_count(lines) != 25:
        raise ValueError("not 25 joints")
    return int(fields[0]), [_read_point(lines) for _ in range(25)]


def _read_point(lines):
    fields = next(lines).split()
    if len(fields) != 12:
        raise ValueError(f"not 12 fields: {fields}")
    x, y, z = float(fields[0]), float(fields[1]), float(fields[2])
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        raise ValueError(f"not finite: {fields}")
    return x, y, z


def _read_count(lines):
    line = next(lines).strip()
    if not line.isdigit() or len(line) > 9:
        raise ValueError(f"not a count: {line!r}")
    return int(line)

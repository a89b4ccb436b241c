"""Preprocessing of NTU RGB+D by MS-G3D (Liu et al., CVPR 2020), as 2s-AGCN before it.

Which bodies make a clip, and how it is turned. The padding to 300 frames is left out, clips keep
their length; centring is `data.transform`'s and may come later, for turning is linear.

Shapes: T frames, M persons, V joints, 3 channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Coordinates = NDArray[np.float64]

MAX_BODIES = 4
"""Bodies beyond this place in their frame are not looked at."""

SPINE_BASE, SPINE_MID, SHOULDER_LEFT, SHOULDER_RIGHT = 0, 1, 4, 8
LEAST_AXIS = 1e-6


def select_bodies(bodies: Coordinates, *, num_persons: int) -> Coordinates:
    """The clip (T', num_persons, V, 3) made from all bodies (T, B, V, 3), absent ones zero.

    The bodies whose joints vary most over space and time come first. One that is absent in the
    first frame loses all frames without it, so that it begins at once; one that is there keeps its
    gaps. Frames at the end without any body are cut, but one is left of a clip without bodies.
    """
    candidates = bodies[:, :MAX_BODIES].swapaxes(0, 1)
    order = np.argsort([-_energy(body) for body in candidates], kind="stable")[:num_persons]
    clip = np.zeros((len(bodies), num_persons, *bodies.shape[2:]))
    length = 1
    for person, chosen in enumerate(order):
        kept = _close_start(candidates[chosen])
        clip[: len(kept), person] = kept
        length = max(length, len(kept))
    return clip[:length]


def align(clip: Coordinates) -> Coordinates:
    """The clip (T, M, V, 3) turned as a whole so that the main body is upright and faces ahead.

    In its first frame the spine comes to lie along +z; then, by a second shortest turn that takes
    back part of the first, the line from the left to the right shoulder along +x.
    """
    if len(clip) == 0:
        return clip
    first = clip[0, 0]
    upright = _shortest_turn(first[SPINE_MID] - first[SPINE_BASE], np.array([0.0, 0.0, 1.0]))
    shoulders = upright @ (first[SHOULDER_RIGHT] - first[SHOULDER_LEFT])
    turn = _shortest_turn(shoulders, np.array([1.0, 0.0, 0.0])) @ upright
    return clip @ turn.T


def _energy(body: Coordinates) -> float:
    """Sum over the axes of the standard deviation over the joints of all frames with the body."""
    points = body[_has_body(body)].reshape(-1, 3)
    return float(points.std(axis=0).sum()) if len(points) else 0.0


def _close_start(body: Coordinates) -> Coordinates:
    present = _has_body(body)
    if not present[0]:
        return body[present]
    return body[: np.flatnonzero(present)[-1] + 1]


def _has_body(body: Coordinates) -> NDArray[np.bool_]:
    """Whether a frame (T, V, 3) has a coordinate other than zero, (T,)."""
    present: NDArray[np.bool_] = (body != 0).any(axis=(1, 2))
    return present


def _shortest_turn(vector: Coordinates, target: Coordinates) -> Coordinates:
    """The rotation (3, 3) of the vector into the direction of the unit target (Rodrigues).

    The identity if they are parallel, also if they are opposed.
    """
    axis = np.cross(vector, target)
    if np.abs(axis).sum() < LEAST_AXIS:
        return np.eye(3)
    x, y, z = axis / np.linalg.norm(vector)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    cosine = vector @ target / np.linalg.norm(vector)
    turn: Coordinates = np.eye(3) + cross + cross @ cross / (1 + cosine)
    return turn

"""`.skeleton` files written by formula."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

NUM_JOINTS = 25
FIRST_ID = 72057594037931101
STATES = "0 1 1 1 1 0 0.02 -0.08 2"
REST = "241.8 201.8 1000.1 540.6 -0.2 0.04 NaN 0.12 2"
JOINTS = f"{NUM_JOINTS}\n" + f"%.7g %.7g %.7g {REST}\n" * NUM_JOINTS

Frames = Sequence[Sequence[np.ndarray]]
"""Of every frame its bodies (25, 3)."""


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


def format_skeleton(
    frames: Frames, *, ids: Sequence[Sequence[int]] | None = None, newline: str = "\n"
) -> bytes:
    """The text of a file, by one format for all numbers. `ids` are tracking ids as `frames` are
    bodies; without them, bodies have one id for every place."""
    if ids is None:
        ids = [[FIRST_ID + place for place in range(len(bodies))] for bodies in frames]
    parts = [f"{len(frames)}\n"]
    for frame_ids in ids:
        parts.append(f"{len(frame_ids)}\n")
        parts += [f"{identity} {STATES}\n{JOINTS}" for identity in frame_ids]
    points = [joints for bodies in frames for joints in bodies]
    text = "".join(parts).replace("\n", newline) % tuple(np.ravel(points).tolist())
    return text.encode()


def write_skeleton_file(
    path: Path,
    frames: Frames,
    *,
    ids: Sequence[Sequence[int]] | None = None,
    newline: str = "\n",
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(format_skeleton(frames, ids=ids, newline=newline))
    return path


def write_ntu_folder(folder: Path, num_clips: int, *, seed: int = 0) -> list[Path]:
    """Clips with the names, lengths (30 to 300 frames, median 80) and CRLF of NTU RGB+D.

    Actions from 50 on have two bodies; one clip in twenty has another for a few frames.
    """
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(80), 0.4, num_clips), 30, 300).astype(int)
    return [
        write_skeleton_file(
            folder / f"{clip_name(number)}.skeleton",
            _draw_frames(rng, length, action=number % 60 + 1),
            newline="\r\n",
        )
        for number, length in enumerate(lengths.tolist())
    ]


def clip_name(number: int) -> str:
    """The names of NTU RGB+D in turn: the action changes first, the setup last."""
    number, action = divmod(number, 60)
    number, take = divmod(number, 2)
    number, subject = divmod(number, 40)
    setup, camera = divmod(number, 3)
    return f"S{setup + 1:03d}C{camera + 1:03d}P{subject + 1:03d}R{take + 1:03d}A{action + 1:03d}"


def _draw_frames(rng: np.random.Generator, length: int, action: int) -> list[list[np.ndarray]]:
    num_bodies = 1 if action < 50 else 2
    places = rng.normal(size=(num_bodies + 1, NUM_JOINTS, 3)) * 0.4 + (0, 0, 3)
    steps = rng.normal(scale=0.02, size=(length, num_bodies + 1, NUM_JOINTS, 3))
    bodies = np.float32(places + steps.cumsum(axis=0))
    has_noise = rng.random() < 0.05
    return [
        list(frame[: num_bodies + (has_noise and 5 <= number < 12)])
        for number, frame in enumerate(bodies)
    ]

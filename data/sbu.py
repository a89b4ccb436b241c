"""SBU Kinect Interaction (Yun et al., CVPR-W 2012): 282 clips of two persons in 8 classes.

Raw: folders sXXsYY/action/take with skeleton_pos.txt each, a line a frame: its number and, of
either person, 15 joints x, y, z, separated by commas and normalised. Protocols fold1 to fold5, the
published lists of pairs: a fold is test, the next one (of the last, the first) val, the rest train.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.dataset import Clip, ClipTable, DatasetInfo, DatasetSource, FloatArray, RawClip
from data.number_table import read_number_table

# joints: head, neck, torso, left arm to the hand, right arm, left leg to the foot, right leg
# fmt: off
EDGES = (
    (0, 1), (1, 2), (3, 1), (4, 3), (5, 4), (6, 1), (7, 6), (8, 7),
    (9, 2), (10, 9), (11, 10), (12, 2), (13, 12), (14, 13),
)
FOLDS = (
    ("s01s02", "s03s04", "s05s02", "s06s04"),
    ("s02s03", "s02s07", "s03s05", "s05s03"),
    ("s01s03", "s01s07", "s07s01", "s07s03"),
    ("s02s01", "s02s06", "s03s02", "s03s06"),
    ("s04s02", "s04s03", "s04s06", "s06s02", "s06s03"),
)
# fmt: on

Coordinates = Literal["normalized", "original"]
NUM_JOINTS = 15
NUM_PERSONS = 2
PLACE = re.compile(r"(?P<pair>s(?P<subject>\d{2})s\d{2})/(?P<action>\d{2})/(?P<take>\d{3})")


def scan_sbu(raw: Path, *, coordinates: Coordinates = "normalized") -> list[RawClip]:
    """Clips below `raw` by pair, action and take; the subject is the first of the pair.

    normalized: as in the files; original: the data set's own formula back to camera coordinates,
    x' = 1280 - 2560 x, y' = 960 - 1920 y, z' = 10000 z / 7.8125. Raises ValueError if there is no
    file, or if two have the same pair, action and take.
    """
    if coordinates not in get_args(Coordinates):
        known = ", ".join(get_args(Coordinates))
        raise ValueError(f"coordinates must be one of {known}, got {coordinates!r}")
    paths: dict[str, Path] = {}
    for path in sorted(raw.rglob("skeleton_pos.txt")):
        name = "_".join(_place(path).group("pair", "action", "take"))
        if name in paths:
            raise ValueError(f"clips must differ, got {paths[name]} and {path}")
        paths[name] = path
    if not paths:
        raise ValueError(f"no files skeleton_pos.txt below {raw}")
    return [
        RawClip(name, partial(load_clip, path, name, coordinates))
        for name, path in sorted(paths.items())
    ]


def load_clip(path: Path, name: str, coordinates: Coordinates) -> Clip:
    place = _place(path)
    return Clip(
        name=name,
        skeleton=read_skeleton(path, coordinates=coordinates),
        label=int(place["action"]) - 1,
        subject=int(place["subject"]),
    )


def read_skeleton(path: Path, *, coordinates: Coordinates = "normalized") -> FloatArray:
    """(T, 2, 15, 3) of a file, wherever it lies."""
    columns = read_number_table(path, 1 + NUM_PERSONS * NUM_JOINTS * 3, ",")
    skeleton = columns[:, 1:].reshape(-1, NUM_PERSONS, NUM_JOINTS, 3)
    if coordinates == "original":
        skeleton = _original(skeleton)
    return skeleton.astype(np.float32)


def split_fold(clips: ClipTable, *, fold: int) -> NDArray[np.str_]:
    """`fold` is 0-based; a pair that is in no published list is left out."""
    pairs = np.array([name[:6] for name in clips.names.tolist()], dtype=np.str_)
    splits = np.where(np.isin(pairs, np.concatenate(FOLDS)), "train", "")
    splits[np.isin(pairs, FOLDS[(fold + 1) % len(FOLDS)])] = "val"
    splits[np.isin(pairs, FOLDS[fold])] = "test"
    return splits


def _place(path: Path) -> re.Match[str]:
    place = PLACE.fullmatch("/".join(path.parts[-4:-1]))
    if place is None or not 1 <= int(place["action"]) <= 8:
        raise ValueError(f"{path}: must lie in sXXsYY/action/take, with the action in 01..08")
    return place


def _original(skeleton: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = np.moveaxis(skeleton, -1, 0)
    original = np.stack([1280 - 2560 * x, 960 - 1920 * y, 10000 * z / 7.8125], axis=-1)
    return np.where(skeleton.any(axis=-1, keepdims=True), original, 0)


SBU = DatasetSource(
    info=DatasetInfo(
        name="sbu",
        classes=(
            "approaching",
            "departing",
            "kicking",
            "punching",
            "pushing",
            "hugging",
            "shaking hands",
            "exchanging",
        ),
        num_channels=3,
        num_joints=NUM_JOINTS,
        num_persons=NUM_PERSONS,
        edges=EDGES,
        centre=2,
        protocols=tuple(f"fold{number}" for number in range(1, len(FOLDS) + 1)),
        origin_joint=2,
        mirrored=((3, 6), (4, 7), (5, 8), (9, 12), (10, 13), (11, 14)),
    ),
    scan=scan_sbu,
    splits={f"fold{fold + 1}": partial(split_fold, fold=fold) for fold in range(len(FOLDS))},
)

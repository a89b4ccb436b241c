"""FSD-10 (Liu et al., 2020): figure skating in ten classes, one skater, OpenPose BODY_25.

Raw: a folder with train_data.npy and test_data.npy, (N, 3, 1500, 25, 1), x and y in -1..1 and
score, clips followed by zeros, and train_label.pkl and test_label.pkl, (names, labels). Protocol
`split`: every tenth training clip of each class is val.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.array_files import open_npy
from data.dataset import Clip, DatasetInfo, DatasetSource, FloatArray, RawClip
from data.parts import split_by_part
from data.pickles import is_column, read_plain_pickle, shown, to_text
from data.skeletons import OPENPOSE_25

CLASSES = (
    "ChComboSpin4",
    "2Axel",
    "ChoreoSequence1",
    "3Loop",
    "StepSequence3",
    "3Flip",
    "FlyCamelSpin4",
    "3Axel",
    "3Lutz",
    "3Lutz_3Toeloop",
)
NUM_CHANNELS = 3


def scan_fsd10(raw: Path) -> list[RawClip]:
    """Clips in the order of the files, train before test, without the zeros behind the clip.

    Raises ValueError, naming the file, if one is missing or of another form, or if names, labels
    and clips differ in number.
    """
    return [
        RawClip(name, partial(load_clip, raw / f"{part}_data.npy", index, name, label, part))
        for part in ("train", "test")
        for index, (name, label) in enumerate(_read_labels(raw, part))
    ]


def load_clip(path: Path, index: int, name: str, label: int, part: str) -> Clip:
    return Clip(name, read_skeleton(path, index), label, part=part)


def read_skeleton(path: Path, index: int) -> FloatArray:
    """(T, 1, 25, 3) of a clip of an array, without the zeros behind it."""
    frames = open_frames(path)[index].transpose(1, 3, 2, 0)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later on
        skeleton: FloatArray = frames.astype(np.float32, order="C")
    present = np.flatnonzero((skeleton != 0).any(axis=(1, 2, 3)))
    length = present[-1] + 1 if len(present) else 0
    return skeleton[:length]


def open_frames(path: Path) -> NDArray[Any]:
    """(N, 3, T, 25, 1), memory-mapped once a process."""
    frames = open_npy(path)
    expected = (NUM_CHANNELS, OPENPOSE_25.num_joints, 1)
    if frames.ndim != 5 or (frames.shape[1], *frames.shape[3:]) != expected:
        raise ValueError(f"{path}: must be (N, 3, T, 25, 1), got {frames.shape}")
    if frames.dtype.kind != "f":
        raise ValueError(f"{path}: must be floating-point numbers, got {frames.dtype}")
    return frames


def _read_labels(raw: Path, part: str) -> list[tuple[str, int]]:
    path = raw / f"{part}_label.pkl"
    if not path.is_file():
        raise ValueError(f"no label file {path}")
    content = read_plain_pickle(path)
    columns = content if isinstance(content, list | tuple) else ()
    if len(columns) != 2 or not all(map(is_column, columns)):
        raise ValueError(f"{path}: must be (names, labels), got {type(content).__name__}")
    names, labels = columns
    num_clips = len(open_frames(raw / f"{part}_data.npy"))
    if not len(names) == len(labels) == num_clips:
        raise ValueError(
            f"{path}: must have a name and a label for each of {num_clips} clips, "
            f"got {len(names)} names and {len(labels)} labels"
        )
    clips = []
    for number, (text, label) in enumerate(zip(names, labels, strict=True)):
        name = to_text(text, f"{path}, clip {number}")
        if not isinstance(label, int | np.integer):
            raise ValueError(f"{path}, clip {name}: the label must be a number, got {shown(label)}")
        clips.append((name, int(label)))
    return clips


FSD10 = DatasetSource(
    info=DatasetInfo(
        name="fsd10",
        classes=CLASSES,
        num_channels=NUM_CHANNELS,
        num_persons=1,
        protocols=("split",),
        has_score=True,
        **OPENPOSE_25._asdict(),
    ),
    scan=scan_fsd10,
    splits={"split": partial(split_by_part, test_part="test", every=10)},
)

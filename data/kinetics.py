"""Kinetics-Skeleton (Yan, Xiong, Lin, AAAI 2018): Kinetics-400 through OpenPose, 18 joints.

Raw: a folder with kinetics_train_label.json and kinetics_val_label.json, {clip: {"has_skeleton",
"label", "label_index"}}, and the folders kinetics_train and kinetics_val with a file <clip>.json
each: {"data": [{"frame_index", "skeleton": [{"pose": [x0, y0, x1, ...], "score": [s0, ...]},
...]}, ...], "label_index"}; x and y are shares of the frame's width and height. Protocol `split`:
the published val is test; every twentieth training clip of each class is val.
"""

from __future__ import annotations

import json
import reprlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.dataset import Clip, DatasetInfo, DatasetSource, FloatArray, IntArray, RawClip
from data.names import read_names
from data.number_table import LARGEST
from data.parts import split_by_part
from data.skeletons import OPENPOSE_18

NUM_PERSONS = 2
NUM_CANDIDATES = 5
"""Persons of a frame among whom the two with the highest scores are chosen: the first ones."""
NUM_FRAMES = 300
NUM_JOINTS = OPENPOSE_18.num_joints
NOT_NUMBERS = (KeyError, TypeError, ValueError, OverflowError)
"""What numpy and Python raise for lists that are not the numbers of persons."""


def scan_kinetics(raw: Path) -> list[RawClip]:
    """Clips by name, those of kinetics_train before those of kinetics_val.

    A clip that the label file calls without skeleton has no frames. Raises ValueError, naming the
    file, for a label file that is missing or of another form.
    """
    return [
        RawClip(name, partial(load_clip, raw / f"kinetics_{part}" / f"{name}.json", part, entry))
        for part in ("train", "val")
        for name, entry in sorted(_read_labels(raw / f"kinetics_{part}_label.json").items())
    ]


def load_clip(path: Path, part: str, entry: Any) -> Clip:
    """`entry` is what the label file says of the clip."""
    label, has_skeleton = _read_entry(path, entry)
    frames = np.zeros((0, NUM_PERSONS, NUM_JOINTS, 3), dtype=np.float32)
    if has_skeleton:
        content = _read_object(path, {"data", "label_index"})
        if content["label_index"] != label:
            raise ValueError(
                f"{path}: 'label_index' must be that of the label file, {label}, "
                f"got {content['label_index']!r}"
            )
        frames = _read_frames(path, content["data"])
    return Clip(path.stem, frames, label, part=part)


def read_skeleton(path: Path) -> FloatArray:
    """(T, 2, 18, 3) of a clip's file, with or without a label."""
    return _read_frames(path, _read_object(path, {"data"})["data"])


def _read_labels(path: Path) -> dict[str, Any]:
    """What the label file says of each clip."""
    if not path.is_file():
        raise ValueError(f"no label file {path}")
    return _read_object(path, set())


def _read_entry(path: Path, entry: Any) -> tuple[int, bool]:
    """The label, and whether there is a skeleton."""
    fields = entry if isinstance(entry, dict) else {}
    label, has_skeleton = fields.get("label_index"), fields.get("has_skeleton")
    if type(label) is not int or type(has_skeleton) is not bool:
        raise ValueError(
            f"{path.parent}_label.json, clip {path.stem}: must have 'has_skeleton' (true or false) "
            f"and 'label_index' (a whole number), got {reprlib.repr(entry)}"
        )
    return label, has_skeleton


def _read_object(path: Path, keys: set[str]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a JSON file: {error}") from error
    if not isinstance(content, dict) or not keys <= set(content):
        raise ValueError(f"{path}: must be an object with the keys {sorted(keys)}")
    return content


def _read_frames(path: Path, data: Any) -> FloatArray:
    """(T, 2, 18, 3): the frames up to the last with an index below 300, zeros where none is told.

    x and y are shifted to the middle of the frame, y upwards, and 0 at joints without a score, as
    in 2s-AGCN (Shi et al., CVPR 2019); the persons of each frame come by their sums of scores.
    """
    length, rows, places, persons = 0, [], [], []
    for number, frame in enumerate(_list(f"{path}: 'data'", data)):
        place = f"{path}: frame {number} of 'data'"
        index, candidates = _read_frame(place, frame)
        if index < NUM_FRAMES:
            length = max(length, index + 1)
            rows += [index] * len(candidates)
            places += [place] * len(candidates)
            persons += candidates
    return _place_persons(_read_persons(places, persons), np.array(rows, dtype=np.int64), length)


def _read_frame(place: str, frame: Any) -> tuple[int, list[Any]]:
    """Its index and the persons to choose from."""
    if not isinstance(frame, dict) or not {"frame_index", "skeleton"} <= set(frame):
        raise ValueError(f"{place} must be an object with the keys 'frame_index' and 'skeleton'")
    index = frame["frame_index"]
    if type(index) is not int or index < 0:
        raise ValueError(f"{place}: 'frame_index' must be a whole number from 0, got {index!r}")
    return index, _list(f"{place}: 'skeleton'", frame["skeleton"])[:NUM_CANDIDATES]


def _read_persons(places: list[str], persons: list[Any]) -> FloatArray:
    """All persons at once, (P, 18, 3); one by one only to find the wrong one."""
    try:
        return _to_joints(persons)
    except NOT_NUMBERS:
        for place, person in zip(places, persons, strict=True):
            try:
                _to_joints([person])
            except NOT_NUMBERS as error:
                raise ValueError(
                    f"{place}: a person must have 'pose' (36 numbers) and 'score' (18): {error}"
                ) from error
        raise


def _to_joints(persons: list[Any]) -> FloatArray:
    pose = _numbers(persons, "pose", 2 * NUM_JOINTS).reshape(-1, NUM_JOINTS, 2)
    score = _numbers(persons, "score", NUM_JOINTS)[..., None]
    joints = np.concatenate([np.where(score != 0, (pose - 0.5) * (1, -1), 0), score], axis=2)
    if not (np.abs(joints) < LARGEST).all():
        raise ValueError("numbers must be between -1e30 and 1e30")
    return joints.astype(np.float32)


def _numbers(persons: list[Any], key: str, count: int) -> NDArray[np.float64]:
    numbers = np.array([person[key] for person in persons], dtype=np.float64)
    if persons and numbers.shape != (len(persons), count):
        raise ValueError(f"{key!r} has the shape {numbers.shape[1:]}")
    return numbers.reshape(len(persons), count)


def _place_persons(joints: FloatArray, rows: IntArray, length: int) -> FloatArray:
    """(T, 2, 18, 3): the two persons of every frame with the largest sums of scores, in order."""
    order = np.lexsort((-joints[..., 2].sum(axis=1), rows))
    joints, rows = joints[order], rows[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = rank < NUM_PERSONS
    frames = np.zeros((length, NUM_PERSONS, NUM_JOINTS, 3), dtype=np.float32)
    frames[rows[kept], rank[kept]] = joints[kept]
    return frames


def _list(place: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{place} must be a list, got {type(value).__name__}")
    return value


KINETICS = DatasetSource(
    info=DatasetInfo(
        name="kinetics",
        classes=read_names("kinetics400_classes.txt"),
        num_channels=3,
        num_persons=NUM_PERSONS,
        protocols=("split",),
        has_score=True,
        **OPENPOSE_18._asdict(),
    ),
    scan=scan_kinetics,
    splits={"split": partial(split_by_part, test_part="val", every=20)},
)

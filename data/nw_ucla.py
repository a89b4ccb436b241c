"""Northwestern-UCLA Multiview Action 3D (Wang et al., CVPR 2014): 1484 clips of Kinect v1.

Raw: one JSON object a file, aAA_sSS_eEE_vVV.json, with "skeletons" (T, 20, 3) in metres and
"label" 1..10. Protocols, each with validation clips held out of training by subject:

xview  test camera 3; cameras 1 and 2 train, their subjects 9 and 10 are val
xsub   test subjects 8, 9 and 10; the others train, subject 1 is val
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.dataset import Clip, ClipTable, DatasetInfo, DatasetSource, FloatArray, RawClip
from data.raw_files import list_raw_files, parse_name

ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)
"""Action numbers of the file names, in the order of the labels."""

# fmt: off
EDGES = (
    (0, 1), (1, 2), (3, 2),
    (4, 2), (5, 4), (6, 5), (7, 6), (8, 2), (9, 8), (10, 9), (11, 10),
    (12, 0), (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18),
)
# fmt: on

NUM_JOINTS = 20
FILE_NAME = re.compile(
    r"a(?P<action>\d{2})_s(?P<subject>\d{2})_e(?P<take>\d{2})_v(?P<camera>\d{2})\.json"
)
XVIEW_TEST_CAMERA = 3
XVIEW_VAL_SUBJECTS = (9, 10)
XSUB_TEST_SUBJECTS = (8, 9, 10)
XSUB_VAL_SUBJECTS = (1,)


def scan_nw_ucla(raw: Path) -> list[RawClip]:
    """Clips by file name; `raw` is the folder of the files or has it as `sequences`."""
    paths = list_raw_files(raw, "sequences", "a*_s*_e*_v*.json")
    return [RawClip(path.stem, partial(load_clip, path)) for path in paths]


def load_clip(path: Path) -> Clip:
    numbers = parse_name(path, FILE_NAME)
    content = _read_json(path, {"skeletons", "label"})
    return Clip(
        name=path.stem,
        skeleton=_skeleton(path, content),
        label=_label(path, content, numbers["action"]),
        subject=numbers["subject"],
        camera=numbers["camera"],
    )


def split_xview(clips: ClipTable) -> NDArray[np.str_]:
    train_part = np.where(np.isin(clips.subjects, XVIEW_VAL_SUBJECTS), "val", "train")
    return np.where(clips.cameras == XVIEW_TEST_CAMERA, "test", train_part)


def split_xsub(clips: ClipTable) -> NDArray[np.str_]:
    train_part = np.where(np.isin(clips.subjects, XSUB_VAL_SUBJECTS), "val", "train")
    return np.where(np.isin(clips.subjects, XSUB_TEST_SUBJECTS), "test", train_part)


def read_skeleton(path: Path) -> FloatArray:
    """(T, 1, 20, 3) of a file with or without a label, whatever it is called."""
    return _skeleton(path, _read_json(path, {"skeletons"}))


def _read_json(path: Path, keys: set[str]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not a JSON file: {error}") from error
    if not isinstance(content, dict) or not keys <= set(content):
        raise ValueError(f"{path}: must be an object with the keys {sorted(keys)}")
    return content


def _skeleton(path: Path, content: dict[str, Any]) -> FloatArray:
    try:
        frames = np.asarray(content["skeletons"], dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: 'skeletons' must be numbers (T, 20, 3): {error}") from error
    if len(frames) == 0:
        return np.zeros((0, 1, NUM_JOINTS, 3), dtype=np.float32)
    if frames.shape[1:] != (NUM_JOINTS, 3):
        raise ValueError(f"{path}: 'skeletons' must be (T, 20, 3), got {frames.shape}")
    return frames[:, None]


def _label(path: Path, content: dict[str, Any], action: int) -> int:
    label = content["label"]
    if label not in range(1, len(ACTIONS) + 1) or ACTIONS[label - 1] != action:
        raise ValueError(
            f"{path}: 'label' must be the place (1..10) of the name's action among {ACTIONS}, "
            f"got label {label!r} for action {action}"
        )
    return int(label) - 1


NW_UCLA = DatasetSource(
    info=DatasetInfo(
        name="nw_ucla",
        classes=(
            "pick up with one hand",
            "pick up with two hands",
            "drop trash",
            "walk around",
            "sit down",
            "stand up",
            "donning",
            "doffing",
            "throw",
            "carry",
        ),
        num_channels=3,
        num_joints=NUM_JOINTS,
        num_persons=1,
        edges=EDGES,
        centre=2,
        protocols=("xview", "xsub"),
        origin_joint=1,
        mirrored=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19)),
    ),
    scan=scan_nw_ucla,
    splits={"xview": split_xview, "xsub": split_xsub},
)

"""UTD-MHAD (Chen, Jafari, Kehtarnavaz, ICIP 2015): 861 clips of Kinect v1, 27 classes.

Raw: MATLAB 5 files aA_sS_tT_skeleton.mat with `d_skel` (20, 3, T) in metres. Protocol `xsub`:
subjects 2, 4, 6 and 8 test; 1, 3 and 5 train; 7, a training subject of the paper, is val.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import Clip, ClipTable, DatasetInfo, DatasetSource, FloatArray, RawClip
from data.raw_files import list_raw_files, parse_name

# joints: head, shoulder centre, spine, hip centre, left arm, right arm, left leg, right leg
# fmt: off
EDGES = (
    (0, 1), (2, 1), (3, 2),
    (4, 1), (5, 4), (6, 5), (7, 6), (8, 1), (9, 8), (10, 9), (11, 10),
    (12, 3), (13, 12), (14, 13), (15, 14), (16, 3), (17, 16), (18, 17), (19, 18),
)
# fmt: on

NUM_JOINTS = 20
FILE_NAME = re.compile(r"a(?P<action>\d+)_s(?P<subject>\d+)_t(?P<take>\d+)_skeleton\.mat")
XSUB_TEST_SUBJECTS = (2, 4, 6, 8)
XSUB_VAL_SUBJECTS = (7,)


def scan_utd_mhad(raw: Path) -> list[RawClip]:
    """Clips by file name, camera 1; `raw` is the folder of the files or has it as `skeleton`."""
    paths = list_raw_files(raw, "skeleton", "a*_s*_t*_skeleton.mat")
    return [RawClip(_name(path), partial(load_clip, path)) for path in paths]


def load_clip(path: Path) -> Clip:
    numbers = parse_name(path, FILE_NAME)
    if not 1 <= numbers["action"] <= len(UTD_MHAD.info.classes):
        raise ValueError(f"{path}: the action must be in 1..27, got {numbers['action']}")
    return Clip(
        name=_name(path),
        skeleton=read_skeleton(path),
        label=numbers["action"] - 1,
        subject=numbers["subject"],
        camera=1,
    )


def split_xsub(clips: ClipTable) -> NDArray[np.str_]:
    train_part = np.where(np.isin(clips.subjects, XSUB_VAL_SUBJECTS), "val", "train")
    return np.where(np.isin(clips.subjects, XSUB_TEST_SUBJECTS), "test", train_part)


def _name(path: Path) -> str:
    return path.stem.removesuffix("_skeleton")


def read_skeleton(path: Path) -> FloatArray:
    """(T, 1, 20, 3) of a file, whatever it is called."""
    from scipy.io import loadmat  # training, which only opens stores, does without scipy

    try:
        content = loadmat(path)
    except Exception as error:  # scipy raises a dozen types for damaged files
        raise ValueError(f"{path}: not a MATLAB 5 file: {error}") from error
    frames = content.get("d_skel")
    if frames is None:
        raise ValueError(f"{path}: must have the variable 'd_skel'")
    if frames.ndim == 2:  # MATLAB drops a last axis of one frame
        frames = frames[:, :, None]
    if frames.shape[:2] != (NUM_JOINTS, 3):
        raise ValueError(f"{path}: 'd_skel' must be (20, 3, T), got {frames.shape}")
    return np.asarray(frames.transpose(2, 0, 1)[:, None], dtype=np.float32)


UTD_MHAD = DatasetSource(
    info=DatasetInfo(
        name="utd_mhad",
        classes=(
            "swipe left",
            "swipe right",
            "wave",
            "clap",
            "throw",
            "arm cross",
            "basketball shoot",
            "draw x",
            "draw circle clockwise",
            "draw circle counter clockwise",
            "draw triangle",
            "bowling",
            "boxing",
            "baseball swing",
            "tennis swing",
            "arm curl",
            "tennis serve",
            "push",
            "knock",
            "catch",
            "pickup and throw",
            "jog",
            "walk",
            "sit to stand",
            "stand to sit",
            "lunge",
            "squat",
        ),
        num_channels=3,
        num_joints=NUM_JOINTS,
        num_persons=1,
        edges=EDGES,
        centre=1,
        protocols=("xsub",),
        origin_joint=2,
        mirrored=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19)),
    ),
    scan=scan_utd_mhad,
    splits={"xsub": split_xsub},
)

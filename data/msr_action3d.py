"""MSR-Action3D (Li, Zhang, Liu, CVPR-W 2010): 567 clips of 10 subjects in 20 classes, one person.

Raw: text files aAA_sSS_eEE_skeleton3D.txt, 20 rows a frame of `x y z confidence` in world
coordinates; the confidence is not used. Protocols, each by subject: 1, 3, 5 and 7 train, 9, a
training subject of the paper, is val, the even ones test.

all            all actions
as1, as2, as3  the paper's three sets of eight actions; the clips of other actions are left out
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import Clip, ClipTable, DatasetInfo, DatasetSource, FloatArray, RawClip
from data.number_table import read_number_table
from data.raw_files import list_raw_files, parse_name

# joints: shoulders, neck, spine, hips (4 and 5), middle of the hips, elbows, wrists, hands, knees,
# ankles, feet, head; the files do not say which joint of a pair is the left one
# fmt: off
EDGES = (
    (0, 2), (7, 0), (9, 7), (11, 9), (1, 2), (8, 1), (10, 8), (12, 10), (19, 2),
    (3, 2), (6, 3), (4, 6), (13, 4), (15, 13), (17, 15), (5, 6), (14, 5), (16, 14), (18, 16),
)
MIRRORED = (
    (0, 1), (7, 8), (9, 10), (11, 12), (4, 5), (13, 14), (15, 16), (17, 18),
)
# fmt: on

NUM_JOINTS = 20
FILE_NAME = re.compile(r"a(?P<action>\d{2})_s(?P<subject>\d{2})_e(?P<take>\d{2})_skeleton3D\.txt")
ACTION_SETS = {
    "all": tuple(range(1, 21)),
    "as1": (2, 3, 5, 6, 10, 13, 18, 20),
    "as2": (1, 4, 7, 8, 9, 11, 12, 14),
    "as3": (6, 14, 15, 16, 17, 18, 19, 20),
}
TEST_SUBJECTS = (2, 4, 6, 8, 10)
VAL_SUBJECTS = (9,)


def scan_msr_action3d(raw: Path, *, exclude: Path | None = None) -> list[RawClip]:
    """Clips by file name; `raw` is the folder of the files or has it as MSRAction3DSkeletonReal3D.

    `exclude` is a text file with the names of clips to leave out, one a line, with or without the
    ending. Raises ValueError, naming the file, if it is missing or names a clip that is not there.
    """
    paths = list_raw_files(raw, "MSRAction3DSkeletonReal3D", "a*_s*_e*_skeleton3D.txt")
    clips = [RawClip(_name(path.name), partial(load_clip, path)) for path in paths]
    if exclude is None:
        return clips
    if not exclude.is_file():
        raise ValueError(f"no file of names {exclude}")
    excluded = {_name(line) for line in exclude.read_text(errors="replace").split()}
    unknown = sorted(excluded - {clip.name for clip in clips})
    if unknown:
        raise ValueError(f"{exclude}: names clips that are not in {raw}: {', '.join(unknown)}")
    return [clip for clip in clips if clip.name not in excluded]


def load_clip(path: Path) -> Clip:
    numbers = parse_name(path, FILE_NAME)
    if not 1 <= numbers["action"] <= 20:
        raise ValueError(f"{path}: the action must be in 1..20, got {numbers['action']}")
    return Clip(
        name=_name(path.name),
        skeleton=read_skeleton(path),
        label=numbers["action"] - 1,
        subject=numbers["subject"],
    )


def read_skeleton(path: Path) -> FloatArray:
    """(T, 1, 20, 3) of a file, whatever it is called."""
    rows = read_number_table(path, 4)
    if len(rows) % NUM_JOINTS:
        raise ValueError(f"{path}: must have 20 rows a frame, got {len(rows)} rows")
    return rows[:, :3].reshape(-1, 1, NUM_JOINTS, 3).astype(np.float32)


def split_subjects(clips: ClipTable, *, actions: tuple[int, ...]) -> NDArray[np.str_]:
    train_part = np.where(np.isin(clips.subjects, VAL_SUBJECTS), "val", "train")
    splits = np.where(np.isin(clips.subjects, TEST_SUBJECTS), "test", train_part)
    return np.where(np.isin(clips.labels + 1, actions), splits, "")


def _name(file_name: str) -> str:
    return file_name.removesuffix(".txt").removesuffix("_skeleton3D")


MSR_ACTION3D = DatasetSource(
    info=DatasetInfo(
        name="msr_action3d",
        classes=(
            "high arm wave",
            "horizontal arm wave",
            "hammer",
            "hand catch",
            "forward punch",
            "high throw",
            "draw x",
            "draw tick",
            "draw circle",
            "hand clap",
            "two hand wave",
            "side boxing",
            "bend",
            "forward kick",
            "side kick",
            "jogging",
            "tennis swing",
            "tennis serve",
            "golf swing",
            "pickup and throw",
        ),
        num_channels=3,
        num_joints=NUM_JOINTS,
        num_persons=1,
        edges=EDGES,
        centre=2,
        protocols=tuple(ACTION_SETS),
        origin_joint=3,
        mirrored=MIRRORED,
    ),
    scan=scan_msr_action3d,
    splits={
        name: partial(split_subjects, actions=actions) for name, actions in ACTION_SETS.items()
    },
)

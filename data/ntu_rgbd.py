"""NTU RGB+D (Shahroudy et al., CVPR 2016): 56,578 clips of Kinect v2 with up to two persons.

Raw: files SsssCcccPpppRrrrAaaa.skeleton (setup, camera, performer, replication, action), in one
folder or several. Of the 56,880 clips the 302 with missing skeletons, as listed by the authors,
are left out, and so are those of NTU RGB+D 120, whose setups begin at 18. Protocols, each with
validation clips held out of training by performer:

xsub   20 performers train, the others test; performers 18 and 28, of the 20, are val
xview  test camera 1; cameras 2 and 3 train, their performers 18 and 28 are val
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import Clip, ClipTable, DatasetInfo, DatasetSource, RawClip
from data.msg3d_preprocessing import align as align_clip
from data.msg3d_preprocessing import select_bodies
from data.raw_files import find_raw_files, parse_name
from data.skeleton_text import NUM_JOINTS, read_skeleton_text

# joints: spine base and middle, neck, head, left arm to the hand, right arm, left leg to the foot,
# right leg, spine at the shoulders, left hand's tip and thumb, right hand's tip and thumb
# fmt: off
EDGES = (
    (0, 1), (1, 20), (2, 20), (3, 2),
    (4, 20), (5, 4), (6, 5), (7, 6), (8, 20), (9, 8), (10, 9), (11, 10),
    (12, 0), (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18),
    (21, 22), (22, 7), (23, 24), (24, 11),
)

MIRRORED = (
    (4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19), (21, 23), (22, 24),
)

CLASSES = (
    "drink water", "eat meal/snack", "brushing teeth", "brushing hair", "drop", "pickup", "throw",
    "sitting down", "standing up (from sitting position)", "clapping", "reading", "writing",
    "tear up paper", "wear jacket", "take off jacket", "wear a shoe", "take off a shoe",
    "wear on glasses", "take off glasses", "put on a hat/cap", "take off a hat/cap", "cheer up",
    "hand waving", "kicking something", "reach into pocket", "hopping (one foot jumping)",
    "jump up", "make a phone call/answer phone", "playing with phone/tablet",
    "typing on a keyboard", "pointing to something with finger", "taking a selfie",
    "check time (from watch)", "rub two hands together", "nod head/bow", "shake head", "wipe face",
    "salute", "put the palms together", "cross hands in front (say stop)", "sneeze/cough",
    "staggering", "falling", "touch head (headache)", "touch chest (stomachache/heart pain)",
    "touch back (backache)", "touch neck (neckache)", "nausea or vomiting condition",
    "use a fan (with hand or paper)/feeling warm", "punching/slapping other person",
    "kicking other person", "pushing other person", "pat on back of other person",
    "point finger at the other person", "hugging other person", "giving something to other person",
    "touch other person's pocket", "handshaking", "walking towards each other",
    "walking apart from each other",
)
# fmt: on

NUM_PERSONS = 2
MISSING = Path(__file__).with_name("ntu_rgbd_missing.txt")
FILE_NAME = re.compile(
    r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<take>\d{3})A(?P<action>\d{3})"
    r"\.skeleton"
)
NUM_SETUPS = 17
LARGEST = {"camera": 3, "subject": 40, "take": 2, "action": 60}
XSUB_TRAIN_SUBJECTS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
XVIEW_TEST_CAMERA = 1
VAL_SUBJECTS = (18, 28)


def scan_ntu60(raw: Path, *, align: bool = True) -> list[RawClip]:
    """Clips by file name from all folders below `raw`, their two main bodies.

    `align` turns each clip as in MS-G3D: the main body's spine along z, its shoulders along x;
    without it the axes are the camera's. A file without a body in any frame gives a clip of zeros.
    Raises ValueError, naming the file, for a name of another form.
    """
    missing = _read_missing()
    clips = []
    for path in find_raw_files(raw, "S*.skeleton"):
        numbers = parse_name(path, FILE_NAME)
        if numbers["setup"] <= NUM_SETUPS and path.stem not in missing:
            _check_numbers(path, numbers)
            clips.append(RawClip(path.stem, partial(load_clip, path, align=align)))
    return clips


def load_clip(path: Path, *, align: bool) -> Clip:
    numbers = parse_name(path, FILE_NAME)
    skeleton = select_bodies(read_skeleton_text(path), num_persons=NUM_PERSONS)
    return Clip(
        name=path.stem,
        skeleton=(align_clip(skeleton) if align else skeleton).astype(np.float32),
        label=numbers["action"] - 1,
        subject=numbers["subject"],
        camera=numbers["camera"],
        setup=numbers["setup"],
    )


def split_xsub(clips: ClipTable) -> NDArray[np.str_]:
    train_part = np.where(np.isin(clips.subjects, VAL_SUBJECTS), "val", "train")
    return np.where(np.isin(clips.subjects, XSUB_TRAIN_SUBJECTS), train_part, "test")


def split_xview(clips: ClipTable) -> NDArray[np.str_]:
    train_part = np.where(np.isin(clips.subjects, VAL_SUBJECTS), "val", "train")
    return np.where(clips.cameras == XVIEW_TEST_CAMERA, "test", train_part)


def _read_missing() -> frozenset[str]:
    lines = MISSING.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _check_numbers(path: Path, numbers: dict[str, int]) -> None:
    for key, largest in LARGEST.items():
        if not 1 <= numbers[key] <= largest:
            raise ValueError(f"{path}: the {key} must be in 1..{largest}, got {numbers[key]}")


NTU60 = DatasetSource(
    info=DatasetInfo(
        name="ntu60",
        classes=CLASSES,
        num_channels=3,
        num_joints=NUM_JOINTS,
        num_persons=NUM_PERSONS,
        edges=EDGES,
        centre=20,
        protocols=("xsub", "xview"),
        origin_joint=1,
        mirrored=MIRRORED,
    ),
    scan=scan_ntu60,
    splits={"xsub": split_xsub, "xview": split_xview},
)

"""NTU RGB+D (Shahroudy et al., CVPR 2016) and NTU RGB+D 120 (Liu et al., TPAMI 2020).

Clips of Kinect v2 with up to two persons. Raw: the files SsssCcccPpppRrrrAaaa.skeleton (setup,
camera, performer, replication, action), in folders or in the zip archives as they are downloaded;
or arrays that others have made of them (`data.ntu_rgbd_arrays`, a .pkl file of `data.pyskl`). The
files with missing skeletons, as listed by the authors, are left out: 302 of 56,880 and 535 of
114,480. Protocols, each with validation clips held out of training by performer:

ntu60   xsub   20 performers train, the others test; performers 18 and 28, of the 20, are val
        xview  test camera 1; cameras 2 and 3 train, their performers 18 and 28 are val
ntu120  xsub   53 performers train, the others test; 18, 28, 46, 57, 82 and 92 of them are val
        xset   test odd setups; even setups train, their performers 19, 44 and 67 are val
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.archives import RawFile, find_files
from data.ctrgcn_preprocessing import select_actors, translate
from data.dataset import (
    Clip,
    ClipTable,
    DatasetInfo,
    DatasetSource,
    FloatArray,
    LeftOut,
    RawClip,
    refused,
)
from data.msg3d_preprocessing import align, select_bodies
from data.ntu_rgbd_arrays import NUM_PERSONS, find_arrays, scan_arrays, split_as_stated
from data.ntu_rgbd_names import NTU60_NAMES, NTU120_NAMES, ClipName, Edition, is_missing
from data.pyskl import Annotation, scan_pyskl, to_positions
from data.skeleton_text import Bodies, parse_skeleton_text
from data.skeletons import NTU_25

Preprocessing = Literal["msg3d", "ctrgcn", "none"]

# fmt: off
XSUB60_TRAIN_SUBJECTS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
XSUB120_TRAIN_SUBJECTS = (
    *XSUB60_TRAIN_SUBJECTS,
    45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86,
    89, 91, 92, 93, 94, 95, 97, 98, 100, 103,
)
# fmt: on

XVIEW_TEST_CAMERA = 1
VAL_SUBJECTS = (18, 28)
XSUB120_VAL_SUBJECTS = (18, 28, 46, 57, 82, 92)
XSET_VAL_SUBJECTS = (19, 44, 67)


def scan_ntu60(raw: Path, *, preprocessing: Preprocessing | None = None) -> list[RawClip]:
    """Clips by file name, from all folders and zip archives below `raw` or from ready-made arrays.

    preprocessing
        msg3d: the two bodies that vary most, turned as a whole so that the main body's spine lies
        along z and its shoulders along x; the default. none: the same bodies, in the camera's axes
        (ST-GCN). ctrgcn: bodies by tracking id, without those that are noise, the main one's spine
        at the origin in its first frame. Ready-made arrays take none: theirs has been done.

    A file without a body in any frame gives a clip of zeros. Raises ValueError if there are clips
    of no form, of two forms, or of the other edition alone, and, naming the file, for a name of
    another form, for a preprocessing of arrays, and for what `find_files`, `scan_arrays` and
    `scan_pyskl` refuse.
    """
    return _scan(raw, NTU60_NAMES, preprocessing)


def scan_ntu120(raw: Path, *, preprocessing: Preprocessing | None = None) -> list[RawClip]:
    """As `scan_ntu60`, with the clips of both editions."""
    return _scan(raw, NTU120_NAMES, preprocessing)


def _scan(raw: Path, edition: Edition, preprocessing: Preprocessing | None) -> list[RawClip]:
    if preprocessing not in (None, *get_args(Preprocessing)):
        known = ", ".join(get_args(Preprocessing))
        raise ValueError(f"preprocessing must be one of {known}, got {preprocessing!r}")
    arrays = find_arrays(raw, edition)
    files = [] if [raw] in arrays else find_files(raw, "S*.skeleton")
    first = _only_form(raw, edition, arrays, files)
    if files:
        return _scan_files(raw, files, edition, preprocessing or "msg3d")
    if preprocessing is not None:
        raise ValueError(
            f"{first} has been preprocessed: leave out preprocessing, got {preprocessing!r}"
        )
    if first.suffix == ".pkl":
        make_clip = partial(make_position_clip, edition=edition)
        return scan_pyskl(raw, make_clip, needs_parts=False)
    return scan_arrays(arrays[0], edition)


def _only_form(raw: Path, edition: Edition, arrays: list[list[Path]], files: list[RawFile]) -> Path:
    """The first file of the form in which the clips are; raises ValueError unless it is one."""
    forms = [*(paths[0] for paths in arrays), *(file.path for file in files[:1])]
    if not forms:
        raise ValueError(
            f"{raw} must have S*.skeleton files, in folders or zip archives, or be or have arrays: "
            f"{edition.name.upper()}_*.npz, or train_data_joint.npy and val_data_joint.npy with "
            "train_label.pkl and val_label.pkl, or a .pkl file of pyskl"
        )
    if len(forms) > 1:
        raise ValueError(
            f"{raw} has the clips in two forms, {forms[0]} and {forms[1]}: name a file, or a "
            "folder that has one of them"
        )
    return forms[0]


def _scan_files(
    raw: Path, files: list[RawFile], edition: Edition, preprocessing: Preprocessing
) -> list[RawClip]:
    clips = []
    for file in files:
        try:
            name = edition.parse(file.path)
        except ValueError as error:
            clips.append(refused(file.path.stem, str(error)))
            continue
        if name is not None:
            load = partial(load_clip, file, name, preprocessing=preprocessing)
            clips.append(RawClip(name.name, load))
    if not clips:
        raise ValueError(
            f"{raw} has clips of the other edition alone: {edition.name} has the setups "
            f"1..{edition.setup}, got {files[0].path}"
        )
    return clips


def load_clip(file: RawFile, name: ClipName, *, preprocessing: Preprocessing) -> Clip:
    """Raises LeftOut for a clip that the authors of the data set list as missing."""
    if is_missing(name):
        raise LeftOut("on the authors' list of missing skeletons")
    bodies = parse_skeleton_text(file.read(), str(file.path))
    return Clip(skeleton=_preprocess(bodies, preprocessing), **name.fields())


def read_skeleton(path: Path, *, preprocessing: Preprocessing = "msg3d") -> FloatArray:
    """(T, 2, 25, 3) of a .skeleton file, whatever it is called."""
    return _preprocess(parse_skeleton_text(path.read_bytes(), str(path)), preprocessing)


def make_position_clip(annotation: Annotation, *, edition: Edition) -> Clip:
    """A clip of a pyskl file of 3-D joints; its numbers and splits are those of its name."""
    name = edition.parse_clip(annotation.name, annotation.label, annotation.place)
    skeleton = to_positions(annotation, num_joints=NTU_25.num_joints, num_persons=NUM_PERSONS)
    return Clip(skeleton=skeleton, **name.fields())


def _preprocess(bodies: Bodies, preprocessing: Preprocessing) -> FloatArray:
    if preprocessing == "ctrgcn":
        return translate(select_actors(bodies))
    skeleton = select_bodies(bodies.joints, num_persons=NUM_PERSONS)
    return (align(skeleton) if preprocessing == "msg3d" else skeleton).astype(np.float32)


def split_xsub60(clips: ClipTable) -> NDArray[np.str_]:
    return _split(clips, "xsub", np.isin(clips.subjects, XSUB60_TRAIN_SUBJECTS), VAL_SUBJECTS)


def split_xview(clips: ClipTable) -> NDArray[np.str_]:
    return _split(clips, "xview", clips.cameras != XVIEW_TEST_CAMERA, VAL_SUBJECTS)


def split_xsub120(clips: ClipTable) -> NDArray[np.str_]:
    is_train = np.isin(clips.subjects, XSUB120_TRAIN_SUBJECTS)
    return _split(clips, "xsub", is_train, XSUB120_VAL_SUBJECTS)


def split_xset(clips: ClipTable) -> NDArray[np.str_]:
    return _split(clips, "xset", clips.setups % 2 == 0, XSET_VAL_SUBJECTS)


def _split(
    clips: ClipTable, protocol: str, is_train: NDArray[np.bool_], val_subjects: tuple[int, ...]
) -> NDArray[np.str_]:
    """By the numbers of the clips, or as their arrays state for clips that have lost them."""
    train_part = np.where(np.isin(clips.subjects, val_subjects), "val", "train")
    by_numbers = np.where(is_train, train_part, "test")
    return np.where(clips.subjects > 0, by_numbers, split_as_stated(clips, protocol))


def _describe(edition: Edition, *protocols: str) -> DatasetInfo:
    return DatasetInfo(
        name=edition.name,
        classes=edition.classes(),
        num_channels=3,
        num_persons=NUM_PERSONS,
        protocols=protocols,
        **NTU_25._asdict(),
    )


NTU60 = DatasetSource(
    info=_describe(NTU60_NAMES, "xsub", "xview"),
    scan=scan_ntu60,
    splits={"xsub": split_xsub60, "xview": split_xview},
)
NTU120 = DatasetSource(
    info=_describe(NTU120_NAMES, "xsub", "xset"),
    scan=scan_ntu120,
    splits={"xsub": split_xsub120, "xset": split_xset},
)

"""Arrays that others have made of NTU RGB+D, T frames long, with zeros after shorter clips.

NTU60_CS.npz, NTU60_CV.npz, NTU120_CSub.npz, NTU120_CSet.npz (CTR-GCN, Chen et al., ICCV 2021)
    x_train and x_test (N, T, 150): two persons of 25 joints of x, y, z; y_train and y_test
    (N, classes), one-hot. One file holds one protocol, and its clips have lost their names: every
    20th clip of a class in training is val.
train_data_joint.npy, train_label.pkl, val_data_joint.npy, val_label.pkl (2s-AGCN, Shi et al., CVPR
2019; MS-G3D, Liu et al., CVPR 2020), also as train_data.npy
    (N, 3, T, 25, 2), and (names, labels). The names tell performer, camera and setup, so that one
    folder of a protocol serves all. Clips were padded by repeating them, which cannot be told from
    a repeated movement: they keep their 300 frames.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from data.array_files import open_npy, open_npz
from data.dataset import Clip, ClipTable, FloatArray, RawClip
from data.ntu_rgbd_names import NTU60_NAMES, NTU120_NAMES, ClipName, Edition
from data.parts import split_by_part
from data.pickles import is_column, read_plain_pickle, shown, to_text
from data.pyskl import find_pickles

NUM_PERSONS = 2
PERSONS_JOINTS_AXES = (NUM_PERSONS, 25, 3)
NPZ_PROTOCOLS = {
    NTU60_NAMES: {"CS": "xsub", "CV": "xview"},
    NTU120_NAMES: {"CSub": "xsub", "CSet": "xset"},
}
NPY_FILES = {
    "train_data_joint.npy": "train",
    "train_data.npy": "train",
    "val_data_joint.npy": "test",
    "val_data.npy": "test",
}
"""The parts that the files hold; other streams than joints are not read."""
VAL_EVERY = 20


def find_arrays(raw: Path, edition: Edition) -> list[list[Path]]:
    """`raw`, if it is an .npz or .pkl file, or what the folder has, the files of each form.

    These are this edition's .npz files, the .npy files in the order of `NPY_FILES`, and the .pkl
    files of pyskl, which labels are not.
    """
    if raw.is_file():
        return [[raw]] if raw.suffix in (".npz", ".pkl") else []
    forms = (
        sorted(raw.glob(f"{edition.name.upper()}_*.npz")),
        [raw / name for name in NPY_FILES if (raw / name).is_file()],
        [path for path in find_pickles(raw) if not path.name.endswith("_label.pkl")],
    )
    return [paths for paths in forms if paths]


def scan_arrays(paths: list[Path], edition: Edition) -> list[RawClip]:
    """The clips of each file, training first, in their order.

    Raises ValueError, naming the file, for arrays of other names, shapes or types, for labels that
    do not fit them, for clips that come twice, and for .npy files that are not one of each part.
    """
    npy = [path.name for path in paths if path.suffix == ".npy"]
    if npy and [NPY_FILES[name] for name in npy] != ["train", "test"]:
        raise ValueError(
            f"{paths[0].parent}: must have one array of each part, train_data_joint.npy and "
            f"val_data_joint.npy (or train_data.npy and val_data.npy), got {', '.join(npy)}"
        )
    clips = []
    for path in paths:
        clips += _scan_npz(path, edition) if path.suffix == ".npz" else _scan_npy(path, edition)
    names = [clip.name for clip in clips]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{paths[0].parent}: clips must differ, got {twice} twice")
    return clips


def split_as_stated(clips: ClipTable, protocol: str) -> NDArray[np.str_]:
    """By the part of the clips of this protocol's .npz file."""
    of_protocol = np.char.startswith(clips.names, f"{protocol}_")
    stated = clips._replace(parts=np.where(of_protocol, clips.parts, ""))
    return split_by_part(stated, test_part="test", every=VAL_EVERY)


def load_npz_clip(path: Path, name: str, part: str, row: int) -> Clip:
    frames, one_hot = open_npz(path, f"x_{part}")[row], open_npz(path, f"y_{part}")[row]
    if np.count_nonzero(one_hot) != 1 or one_hot.max() != 1:
        raise ValueError(f"{path}: y_{part}[{row}] must have a single 1 among zeros")
    skeleton = _strip(frames.reshape(-1, *PERSONS_JOINTS_AXES))
    return Clip(name, skeleton, label=int(one_hot.argmax()), part=part)


def load_npy_clip(path: Path, name: ClipName, part: str, row: int) -> Clip:
    skeleton = _strip(open_npy(path)[row].transpose(1, 3, 2, 0))
    return Clip(skeleton=skeleton, part=part, **name.fields())


def _scan_npz(path: Path, edition: Edition) -> list[RawClip]:
    protocols = NPZ_PROTOCOLS[edition]
    prefix, _, suffix = path.stem.rpartition("_")
    if prefix != edition.name.upper() or suffix not in protocols:
        form = f"{edition.name.upper()}_{{{','.join(protocols)}}}.npz"
        raise ValueError(f"{path}: the file name, which tells the protocol, must be {form}")
    clips = []
    for part in ("train", "test"):
        num_clips = _check_npz(path, part, edition.action)
        for row in range(num_clips):
            name = f"{protocols[suffix]}_{part}_{row:06d}"
            clips.append(RawClip(name, partial(load_npz_clip, path, name, part, row)))
    return clips


def _check_npz(path: Path, part: str, num_classes: int) -> int:
    x, y = open_npz(path, f"x_{part}"), open_npz(path, f"y_{part}")
    width = int(np.prod(PERSONS_JOINTS_AXES))
    if x.ndim != 3 or x.shape[2] != width or x.dtype.kind != "f":
        raise ValueError(f"{path}: x_{part} must be floats (N, T, {width}), got {_shown(x)}")
    if y.shape != (len(x), num_classes) or y.dtype.kind not in "fiub":
        expected = f"numbers ({len(x)}, {num_classes})"
        raise ValueError(f"{path}: y_{part} must be {expected}, got {_shown(y)}")
    return len(x)


def _scan_npy(path: Path, edition: Edition) -> list[RawClip]:
    data = open_npy(path)
    num_persons, num_joints, num_axes = PERSONS_JOINTS_AXES
    is_shape = data.ndim == 5 and data.shape[3:] == (num_joints, num_persons)
    if not is_shape or data.shape[1] != num_axes or data.dtype.kind != "f":
        expected = f"floats (N, {num_axes}, T, {num_joints}, {num_persons})"
        raise ValueError(f"{path}: must be {expected}, got {_shown(data)}")
    label_path = path.with_name(f"{path.name.split('_')[0]}_label.pkl")
    names = _read_names(label_path, len(data), edition)
    part = NPY_FILES[path.name]
    return [
        RawClip(name.name, partial(load_npy_clip, path, name, part, row))
        for row, name in enumerate(names)
    ]


def _read_names(path: Path, num_clips: int, edition: Edition) -> list[ClipName]:
    """The names, some with a folder or an ending, are checked against the labels beside them."""
    if not path.is_file():
        raise ValueError(f"{path}: the names and labels must stand beside the data")
    content = read_plain_pickle(path)
    columns = content if isinstance(content, tuple | list) else ()
    sizes = [len(item) for item in columns if is_column(item)]
    if sizes != [num_clips, num_clips] or len(columns) != 2:
        raise ValueError(f"{path}: must be ({num_clips} names, {num_clips} labels)")
    names = []
    for row, (text, label) in enumerate(zip(*columns, strict=True)):
        written = to_text(text, f"{path}, clip {row}")
        stem = PurePosixPath(written).name.removesuffix(".skeleton")
        name = edition.parse(path / f"{stem}.skeleton")
        is_number = isinstance(label, int | np.integer)
        if name is None or not is_number or name.action - 1 != label:
            raise ValueError(
                f"{path}: clip {row} must be of {edition.name} and have the label of its name, "
                f"got {written!r} and {shown(label)}"
            )
        names.append(name)
    return names


def _strip(skeleton: NDArray[np.floating]) -> FloatArray:
    """Without the zeros after the last frame that has a body, but with one frame at least."""
    present = np.flatnonzero(skeleton.any(axis=(1, 2, 3)))
    length = present[-1] + 1 if len(present) else 1
    return np.array(skeleton[:length], dtype=np.float32)


def _shown(array: NDArray[np.generic]) -> str:
    return f"{array.dtype} {array.shape}"

"""Skeletons of single files without labels: what a trained model is to look at.

A file may be called anything; its ending tells the format. Arrays of the stored form (.npy) are
taken for every data set without .npy files of its own: (T, M, V, C), or (T, V, C) of one person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data import DATASETS, fsd10, kinetics, msr_action3d, ntu_rgbd, nw_ucla, sbu, utd_mhad
from data.array_files import open_npy
from data.dataset import DatasetInfo, FloatArray
from data.own import OwnDataset
from data.own_reading import keys_there, list_places, read_place
from data.pyskl import read_annotation, read_annotations, to_image_points, to_positions

Options = Mapping[str, Any]


class RawSkeleton(NamedTuple):
    """A skeleton still to be read; `load` raises ValueError or OSError where that cannot be."""

    name: str
    load: Callable[[], FloatArray]


Lister = Callable[[Path, Options, DatasetInfo], list[RawSkeleton]]
"""The clips of a file, prepared with these options of the data set's reader."""


def list_unlabelled(
    path: Path, info: DatasetInfo, options: Options, own: OwnDataset | None = None
) -> list[RawSkeleton]:
    """The clips of a file of the data set that `info` describes, or of one's `own`.

    Raises ValueError for a file whose ending is none of the data set's or that cannot be listed.
    """
    if own is not None and path.suffix in _own_endings(own):
        return _list_own(path, own)
    lister = LISTERS.get(info.name, {}).get(path.suffix, STORED.get(path.suffix))
    if lister is None:
        known = ", ".join(endings(info, own))
        raise ValueError(f"{path}: files of {info.name} end in {known}")
    return lister(path, options, info)


def endings(info: DatasetInfo, own: OwnDataset | None = None) -> list[str]:
    """Of the files that can be read."""
    return sorted({*STORED, *LISTERS.get(info.name, ()), *(_own_endings(own) if own else ())})


def _single(read: Callable[..., FloatArray], *names: str) -> Lister:
    """Of files with one clip each; `names` are the options that decide how it is read."""

    def list_single(path: Path, options: Options, info: DatasetInfo) -> list[RawSkeleton]:
        given = {name: options[name] for name in names if options.get(name) is not None}
        return [RawSkeleton(str(path), partial(read, path, **given))]

    return list_single


def _read_stored(path: Path) -> FloatArray:
    array = open_npy(path)
    if array.dtype.kind not in "fiu" or array.ndim not in (3, 4):
        raise ValueError(
            f"{path}: must be numbers (T, V, C) or (T, M, V, C), got {array.dtype} {array.shape}"
        )
    skeleton = np.array(array, dtype=np.float32)
    return skeleton[:, None] if array.ndim == 3 else skeleton


def _list_fsd10(path: Path, options: Options, info: DatasetInfo) -> list[RawSkeleton]:
    return [
        RawSkeleton(f"{path}/{index}", partial(fsd10.read_skeleton, path, index))
        for index in range(len(fsd10.open_frames(path)))
    ]


def _list_pyskl(path: Path, options: Options, info: DatasetInfo) -> list[RawSkeleton]:
    return [
        RawSkeleton(f"{path}/{clip['frame_dir']}", partial(_read_pyskl, path, index, options, info))
        for index, clip in enumerate(read_annotations(path).annotations)
    ]


def _read_pyskl(path: Path, index: int, options: Options, info: DatasetInfo) -> FloatArray:
    annotation = read_annotation(path, index, needs_label=False)
    sizes = {"num_joints": info.num_joints, "num_persons": info.num_persons}
    if not info.has_score:
        return to_positions(annotation, **sizes)
    return to_image_points(annotation, **sizes, coordinates=options.get("coordinates", "scaled"))


def _own_endings(own: OwnDataset) -> tuple[str, ...]:
    return (".npy", ".npz") if own.arrays is not None else (".csv", ".parquet")


def _list_own(path: Path, own: OwnDataset) -> list[RawSkeleton]:
    modified = path.stat().st_mtime_ns
    keys = keys_there(own, path, modified)
    return [
        RawSkeleton(
            str(path) if place is None else f"{path}/{place}",
            partial(_read_own, own, keys, path, modified, place),
        )
        for place in list_places(own, keys, path, modified)
    ]


def _read_own(own: OwnDataset, keys: dict[str, str], path: Path, *place: Any) -> FloatArray:
    return read_place(own, keys, path, *place)[0]


_NTU = {
    ".skeleton": _single(ntu_rgbd.read_skeleton, "preprocessing"),
    ".pkl": _list_pyskl,
}
STORED: dict[str, Lister] = {".npy": _single(_read_stored)}
LISTERS: dict[str, dict[str, Lister]] = {
    "ntu60": _NTU,
    "ntu120": _NTU,
    "nw_ucla": {".json": _single(nw_ucla.read_skeleton)},
    "utd_mhad": {".mat": _single(utd_mhad.read_skeleton)},
    "msr_action3d": {".txt": _single(msr_action3d.read_skeleton)},
    "sbu": {".txt": _single(sbu.read_skeleton, "coordinates")},
    "fsd10": {".npy": _list_fsd10},
    "kinetics": {".json": _single(kinetics.read_skeleton)},
    **{name: {".pkl": _list_pyskl} for name in DATASETS if name.endswith("_hrnet")},
    "gym99": {".pkl": _list_pyskl},
}
"""Data set to the endings of its files."""

"""Clips of one's own NumPy files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.array_files import open_npy, open_npz
from data.dataset import FloatArray
from data.own import ArrayFiles


def list_array_clips(files: ArrayFiles, path: Path) -> list[int | None]:
    """The indices of the file's clips; None alone if it is one clip, whose file is not read."""
    axes = files.axes.split()
    if "N" not in axes:
        return [None]
    return list(range(_coordinates(files, path)[0].shape[axes.index("N")]))


def read_array_clip(
    files: ArrayFiles, fields: Mapping[str, str], path: Path, index: int | None
) -> tuple[FloatArray, dict[str, Any]]:
    """One clip's skeleton (T, M, V, C) and what `fields` (field to key) say of it.

    Raises ValueError, naming the file and the key, for what is not there or has another shape.
    """
    array, key = _coordinates(files, path)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{path}: {key or 'the array'} must be real numbers, is {array.dtype}")
    axes = files.axes.split()
    if index is not None:
        array = array.take(index, axis=axes.index("N"))
        axes.remove("N")
    if "M" not in axes:
        array, axes = array[..., None], [*axes, "M"]
    array = array.transpose([axes.index(axis) for axis in "TMVC"])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later on
        skeleton = np.array(array, dtype=np.float32)
    if files.lengths is not None:
        skeleton = skeleton[: _length(path, files.lengths, index, len(skeleton))]
    return skeleton, {name: _value(path, key, index) for name, key in fields.items()}


def without_padding(skeleton: FloatArray) -> FloatArray:
    """The frames up to the last one with a joint."""
    filled = np.flatnonzero((skeleton != 0).any(axis=(1, 2, 3)))
    return skeleton[: filled.max(initial=-1) + 1]


def _coordinates(files: ArrayFiles, path: Path) -> tuple[NDArray[Any], str]:
    """The array of the file's axes, and its key, empty for .npy."""
    key = "" if path.suffix == ".npy" else files.key or _only_key(path)
    array = _open(path, key)
    if array.ndim != len(files.axes.split()):
        raise ValueError(f"{path}: the array must have the axes {files.axes}, got {array.shape}")
    return array, key


def _only_key(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist()]
    except Exception as error:  # a damaged archive can raise nearly any type
        raise ValueError(f"{path}: not an .npz file: {error}") from error
    if len(keys) != 1:
        raise ValueError(f"{path} has the arrays {', '.join(keys)}: say which in arrays.key")
    return keys[0]


def _open(path: Path, key: str) -> NDArray[Any]:
    if path.suffix == ".npz":
        return open_npz(path, key)
    if key:
        raise ValueError(f"{path} is one array without keys; there is no {key}")
    return open_npy(path)


def _length(path: Path, key: str, index: int | None, most: int) -> int:
    length = _value(path, key, index)
    if not isinstance(length, int) or not 0 <= length <= most:
        raise ValueError(f"{path}: {key}[{index}] must be in 0..{most}, got {length!r}")
    return length


def _value(path: Path, key: str, index: int | None) -> Any:
    """The single value of a clip's file, or the clip's value of one array for all."""
    array = _open(path, key)
    try:
        if index is None and array.size == 1:
            return array.reshape(-1)[0].item()
        if index is not None and array.ndim == 1 and index < len(array):
            return array[index].item()
    except SystemError as error:  # text beyond the last character there is
        raise ValueError(f"{path}: {key} cannot be read: {error}") from error
    expected = "one value" if index is None else f"(n,) with more than {index} values"
    raise ValueError(f"{path}: {key} must be {expected}, got the shape {array.shape}")

"""Clips of one's own NumPy files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from data.dataset import FloatArray
from data.own import ArrayFiles

_Arrays = Mapping[str, NDArray[Any]]


def list_array_clips(files: ArrayFiles, path: Path) -> list[int | None]:
    """The indices of the file's clips; None alone if it is one clip. Reads no more than headers."""
    axes = files.axes.split()
    if "N" not in axes:
        return [None]
    shape = _read_shape(path, _key(files, path))
    _check_axes(path, files, shape)
    return list(range(shape[axes.index("N")]))


def read_array_clip(
    files: ArrayFiles, fields: Mapping[str, str], path: Path, modified: int, index: int | None
) -> tuple[FloatArray, dict[str, Any]]:
    """One clip's skeleton (T, M, V, C) and what `fields` (field to key) say of it.

    Raises ValueError, naming the file and the key, for what is not there or has another shape.
    """
    key = _key(files, path)
    extra = [*fields.values(), *([files.lengths] if files.lengths else [])]
    content = _load(path, modified, (key, *extra))
    array = content[key]
    _check_axes(path, files, array.shape)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{path}: {key or 'the array'} must be real numbers, is {array.dtype}")
    axes = files.axes.split()
    if index is not None:
        array = array.take(index, axis=axes.index("N"))
        axes.remove("N")
    if "M" not in axes:
        array, axes = array[..., None], [*axes, "M"]
    skeleton = array.transpose([axes.index(axis) for axis in "TMVC"]).astype(np.float32)
    if index is not None:
        skeleton = skeleton[: _length(files, content, path, index, skeleton)]
    found = {name: _value(content[key], path, key, index) for name, key in fields.items()}
    return skeleton, found


def _key(files: ArrayFiles, path: Path) -> str:
    """The key of the coordinates; empty for .npy."""
    if path.suffix == ".npy" or files.key is not None:
        return "" if path.suffix == ".npy" else str(files.key)
    keys = _keys(path)
    if len(keys) != 1:
        raise ValueError(f"{path} has the arrays {', '.join(keys)}: say which in arrays.key")
    return keys[0]


def _keys(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not an .npz file: {error}") from None


def _check_keys(path: Path, wanted: Iterable[str]) -> None:
    known = [""] if path.suffix == ".npy" else _keys(path)
    if missing := [key for key in wanted if key not in known]:
        has = "is one array without keys" if path.suffix == ".npy" else f"has {', '.join(known)}"
        raise ValueError(f"{path} {has}; there is no {', '.join(missing)}")


def _read_shape(path: Path, key: str) -> tuple[int, ...]:
    _check_keys(path, [key])
    try:
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return _read_header(file)
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as member:
            return _read_header(member)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: not a NumPy file: {error}") from None


def _read_header(file: Any) -> tuple[int, ...]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape: tuple[int, ...] = read(file)[0]
    return shape


@lru_cache(maxsize=1)
def _load(path: Path, modified: int, keys: tuple[str, ...]) -> _Arrays:
    """The arrays of a file, read once until it is another; .npy is mapped, .npz read whole."""
    _check_keys(path, keys)
    try:
        if path.suffix == ".npy":
            return {"": np.load(path, mmap_mode="r", allow_pickle=False)}
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in keys}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: not a NumPy file of plain values: {error}") from None


def _check_axes(path: Path, files: ArrayFiles, shape: tuple[int, ...]) -> None:
    if len(shape) != len(files.axes.split()):
        raise ValueError(f"{path}: the array must have the axes {files.axes}, got {shape}")


def _length(
    files: ArrayFiles, content: _Arrays, path: Path, index: int, skeleton: FloatArray
) -> int:
    if files.lengths is None:
        filled = np.flatnonzero(skeleton.any(axis=(1, 2, 3)))
        return int(filled[-1]) + 1 if len(filled) else 0
    length = _value(content[files.lengths], path, files.lengths, index)
    if not isinstance(length, int) or not 0 <= length <= len(skeleton):
        raise ValueError(
            f"{path}: {files.lengths}[{index}] must be in 0..{len(skeleton)}, got {length!r}"
        )
    return length


def _value(array: NDArray[Any], path: Path, key: str, index: int | None) -> Any:
    """The single value of a clip's file, or the clip's value of one array for all."""
    if index is None and array.size == 1:
        return array.reshape(-1)[0].item()
    if index is not None and array.ndim == 1 and index < len(array):
        return array[index].item()
    expected = "one value" if index is None else f"(n,) with more than {index} values"
    raise ValueError(f"{path}: {key} must be {expected}, got the shape {array.shape}")

"""The arrays of .npy and .npz files, mapped into memory, opened once a process; no pickles."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, Literal
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from data.file_cache import keep_unchanged

LARGEST_COMPRESSED_ARRAY = 16 * 2**30
"""Bytes of an array that has to be held in memory as a whole."""

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a zip member: its signature, and the sizes of the name and of the field that follow."""
SIGNATURE = b"PK\x03\x04"
HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


@keep_unchanged(8)
def open_npy(path: Path) -> NDArray[Any]:
    """The array of an .npy file; raises ValueError, naming the file, if it is not one."""
    try:
        return _map(path, 0, path.stat().st_size)
    except Exception as error:  # a damaged header can raise nearly any type
        raise ValueError(f"{path}: not an array: {error}") from error


@keep_unchanged(8)
def open_npz(path: Path, key: str) -> NDArray[Any]:
    """An array of an .npz file.

    One that is compressed cannot be mapped: it is read as a whole. The checksum of one that is
    mapped is not looked at. Raises ValueError, naming file and array, if it is absent, damaged, of
    objects, or too large to be read as a whole.
    """
    try:
        with ZipFile(path) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist()]
            if key not in keys:
                raise ValueError(f"must be among {', '.join(keys)}")
            member = archive.getinfo(f"{key}.npy")
        if member.compress_type == ZIP_STORED:
            return _map(path, _find_content(path, member), member.file_size)
        if member.file_size > LARGEST_COMPRESSED_ARRAY:
            raise ValueError(f"{member.file_size} bytes are too many for a compressed array")
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[key])
    except Exception as error:  # and so can a damaged archive
        raise ValueError(f"{path}: the array {key} cannot be read: {error}") from error


def _find_content(path: Path, member: ZipInfo) -> int:
    with path.open("rb") as stream:
        stream.seek(member.header_offset)
        header = stream.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size or not header.startswith(SIGNATURE):
        raise BadZipFile(f"no member begins at byte {member.header_offset}")
    _, name_size, extra_size = LOCAL_HEADER.unpack(header)
    return int(member.header_offset + LOCAL_HEADER.size + name_size + extra_size)


def _map(path: Path, offset: int, size: int) -> NDArray[Any]:
    """The array that, with its header, is `size` bytes from this byte of the file on."""
    with path.open("rb") as stream:
        stream.seek(offset)
        version = npy_format.read_magic(stream)
        if version not in HEADER_READERS:
            raise ValueError(f"version must be one of {list(HEADER_READERS)}, got {version}")
        shape, is_fortran, dtype = HEADER_READERS[version](stream)
        content = stream.tell()
    expected = content - offset + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError("arrays of objects are not read")
    if size != expected:
        raise ValueError(f"an array {shape} of {dtype} must have {expected} bytes, got {size}")
    order: Literal["C", "F"] = "F" if is_fortran else "C"
    array: NDArray[Any] = np.memmap(path, dtype, "r", offset=content, shape=shape, order=order)
    return array

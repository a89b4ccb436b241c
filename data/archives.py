"""Files of a folder or of a zip archive, found and read alike, archives without unpacking.

Nothing of an archive is written to disk, and what its members may be is limited: see `find_files`.
"""

from __future__ import annotations

import fnmatch
import lzma
import os
import stat
import zlib
from itertools import pairwise
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

from data.file_cache import keep_unchanged

LARGEST_FILE = 64 * 2**20
"""Bytes of one file: twenty times the longest `.skeleton` file of two bodies."""
LARGEST_RATIO = 200
"""Of a member's size to its compressed size; digits shrink to a third, all zeros to a hundredth."""

ENCRYPTED = 0x1
UNREADABLE = (
    BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
)
"""What `zipfile` raises for damaged archives; a name that is no UTF-8 is a ValueError."""


class RawFile(NamedTuple):
    """A file of `size` bytes: `container` is a folder or a zip archive, `name` the path in it.

    Archives made on Windows can have names with backslashes. A file can be pickled; a process
    opens each archive once.
    """

    container: Path
    name: str
    size: int

    @property
    def path(self) -> Path:
        """Where the file is, or would be if the archive were a folder."""
        return self.container / self.name.replace("\\", "/")

    def read(self) -> bytes:
        """The content; raises ValueError, naming the file, if it cannot be read as listed."""
        if self.container.is_dir():
            content = _read_file(self.container / self.name)
        else:
            content = _read_member(self.container, self.name, self.size)
        if len(content) != self.size:
            raise ValueError(f"{self.path}: must have {self.size} bytes, got {len(content)}")
        return content


def find_files(raw: Path, pattern: str) -> list[RawFile]:
    """The files whose names match the glob, sorted by name, below a folder or in a zip archive.

    The zip archives below the folder are searched, too. Raises ValueError if two files have the
    same name, if one is larger than LARGEST_FILE, and for a member of an archive that is encrypted,
    a link, compressed more than LARGEST_RATIO times, or named by an absolute path or one with `..`.
    """
    if raw.is_file():
        files = _list_archive(raw, pattern)
    else:
        files = [
            RawFile(raw, str(path.relative_to(raw)), path.stat().st_size)
            for path in raw.rglob(pattern)
            if path.is_file()
        ]
        for archive in filter(Path.is_file, raw.rglob("*.zip")):
            files += _list_archive(archive, pattern)
    files.sort(key=lambda file: file.path.name)
    for file in files:
        if file.size > LARGEST_FILE:
            raise ValueError(
                f"{file.path}: must have at most {LARGEST_FILE} bytes, got {file.size}"
            )
    for one, other in pairwise(files):
        if one.path.name == other.path.name:
            raise ValueError(f"file names must differ, got {one.path} and {other.path}")
    return files


def _list_archive(archive: Path, pattern: str) -> list[RawFile]:
    files = []
    for member in _open(archive, os.getpid()).infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if fnmatch.fnmatchcase(path.name, pattern) and not member.is_dir():
            _check_member(archive, member, path)
            files.append(RawFile(archive, member.filename, member.file_size))
    return files


def _check_member(archive: Path, member: ZipInfo, path: PurePosixPath) -> None:
    is_absolute = path.is_absolute() or PureWindowsPath(path).drive
    problems = {
        "has a name that leads out of it": is_absolute or ".." in path.parts,
        "has a name with a null byte": member.filename != member.orig_filename,
        "is a symbolic link": stat.S_ISLNK(member.external_attr >> 16),
        "is encrypted": member.flag_bits & ENCRYPTED,
        f"is compressed more than {LARGEST_RATIO} times": (
            member.file_size > LARGEST_RATIO * member.compress_size
        ),
    }
    for problem, found in problems.items():
        if found:
            raise ValueError(f"{archive}: its member {member.orig_filename!r} {problem}")


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


def _read_member(archive: Path, name: str, size: int) -> bytes:
    try:
        with _open(archive, os.getpid()).open(name) as stream:
            return stream.read(size + 1)
    except UNREADABLE as error:
        raise ValueError(f"{archive}: its member {name!r} cannot be read: {error}") from error


@keep_unchanged(8)
def _open(archive: Path, process: int) -> ZipFile:
    """Opened once by each process: forked ones would share the place in the file."""
    try:
        return ZipFile(archive)
    except UNREADABLE as error:
        raise ValueError(f"{archive}: not a zip archive: {error}") from error

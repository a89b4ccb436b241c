"""Where a dataset is prepared: a hidden folder beside its store, one for each request.

The folder outlives a preparation that was killed, so that the next one with the same request goes
on from its parts; a lock that ends with its process keeps two of them apart.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def request_digest(*request: Any) -> str:
    """SHA-256 of all that decides what the parts hold.

    Of every path in the request, in the loaders of clips too, size and time of the file enter, or
    of all files in the folder.
    """
    digest = _Digest()
    _RequestPickler(digest).dump(request)
    return digest.sha256.hexdigest()


def working_folder(root: Path, name: str, request: str) -> Path:
    return root / f".{name}-{request[:16]}.partial"


def remove_abandoned(root: Path, name: str) -> None:
    """Remove the working folders of a store that no living process has locked."""
    for folder in root.glob(f".{name}-*.partial"):
        with contextlib.suppress(BlockingIOError), _locked(folder, fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[int]:
    """Have a working folder to oneself, waiting for its holder to finish or die.

    It is removed in the end, but after an error it stays if there are parts in it. Yields the
    descriptor of its lock: a forked process that keeps it open keeps the lock.
    """
    with _locked(folder) as descriptor:
        folder.mkdir(exist_ok=True)
        try:
            yield descriptor
        except BaseException:
            if not any(folder.glob("*.json")):
                shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)


@contextlib.contextmanager
def _locked(folder: Path, flags: int = 0) -> Iterator[int]:
    path = folder.with_suffix(".lock")
    descriptor = _lock(path, flags)
    try:
        yield descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path, flags: int) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file is still there: its holder removes it when it is done."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


class _Digest:
    """A file that is hashed, not kept."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes) -> None:
        self.sha256.update(content)


class _RequestPickler(pickle.Pickler):
    """Writes paths with what is there, and sets in an order that is the same in any process."""

    def __init__(self, file: _Digest) -> None:
        super().__init__(file)
        self._told: dict[Path, list[str]] = {}

    def persistent_id(self, item: Any) -> list[str] | None:
        if isinstance(item, set | frozenset):
            return sorted(map(repr, item))
        if isinstance(item, Path):
            if item not in self._told:
                self._told[item] = [str(item), *_files_at(item)]
            return self._told[item]
        return None


def _files_at(path: Path) -> Iterator[str]:
    """A line for a file, or for each file below a folder; hidden ones are left out."""
    if path.is_file():
        yield _line(path)
    for folder, subfolders, files in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            yield _line(Path(folder, name))


def _line(path: Path) -> str:
    status = os.stat(path, follow_symlinks=path.exists())
    return f"{path} {status.st_size} {status.st_mtime_ns}"

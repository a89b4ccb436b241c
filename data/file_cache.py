"""What a process keeps of the files that it has read, until they change."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar, TypeVarTuple

Rest = TypeVarTuple("Rest")
Content = TypeVar("Content")


def keep_unchanged(
    num_results: int,
) -> Callable[[Callable[[Path, *Rest], Content]], Callable[[Path, *Rest], Content]]:
    """Decorates a reader of files: its last results are kept, each while its file stays the same.

    A file that is written anew or replaced has another time, size or number, and is read again.
    """

    def decorate(read: Callable[[Path, *Rest], Content]) -> Callable[[Path, *Rest], Content]:
        @lru_cache(maxsize=num_results)
        def read_once(_stamp: object, path: Path, *rest: *Rest) -> Content:
            return read(path, *rest)

        @wraps(read)
        def read_if_changed(path: Path, /, *rest: *Rest) -> Content:
            return read_once(_stamp_of(path), path, *rest)

        return read_if_changed

    return decorate


def _stamp_of(path: Path) -> tuple[int, ...]:
    """Empty for a file that is not there, which its reader will tell."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino

"""Room on the disk of a node, below `TMPDIR`: given back when its process ends, in any way."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path


def scratch() -> Path:
    """What the processes of one user share on this node."""
    folder = Path(tempfile.gettempdir()) / f"skeltune-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; set TMPDIR to a folder of yours")
    return folder


@cache
def own_scratch() -> Path:
    """A folder of this process alone; those of processes that have ended are removed."""
    place = scratch()
    for folder in place.glob("process-*"):
        _remove_if_left(folder)
    return _claimed(place)


def _claimed(place: Path) -> Path:
    """The lock is on the folder itself and lives as long as the process."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix="process-", dir=place))
        with suppress(FileNotFoundError):
            fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
            if folder.exists():
                return folder


def _remove_if_left(folder: Path) -> None:
    with suppress(FileNotFoundError, BlockingIOError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)

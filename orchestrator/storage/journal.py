"""The lines of an append-only log, in a file or in a storage whose objects cannot grow."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from orchestrator.engine.errors import StorageError
from orchestrator.storage.errors import LeaseLostError
from orchestrator.storage.place import Place

SEALED_BYTES = 256 * 1024
"""A segment of this size is closed: it is put whole for every line that cannot wait."""
SECONDS_BETWEEN_PUTS = 1.0
APPEND = "append to it"


class Journal(Protocol):
    """Lines in the order in which they were appended; what a crash left half written is no line."""

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Each with where it stands, for messages."""

    def open(self) -> None:
        """Make ready to append."""

    def append(self, line: bytes, at_once: bool) -> None:
        """Add a line, which ends with a line end. `at_once`: it is safe when this returns, and
        so are all before it. Raises `StorageError`; then the line has not been added."""

    def settle(self) -> None:
        """Make safe what waits, if it has waited long enough; to be called often."""

    def close(self) -> None:
        """Make safe what waits."""


class LocalJournal:
    """A file, mounted or local: a line is written before `append` returns, and so outlives the
    driver; on disk, against the death of the machine, it is then or a second later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waits, self._synced_at = False, 0.0

    def __str__(self) -> str:
        return str(self.path)

    def lines(self) -> Iterator[tuple[str, bytes]]:
        return _numbered(str(self.path), self._content())

    def open(self) -> None:
        """A line torn by a crash is cut off."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._size = len(self._content())
            self._file = self.path.open("ab", buffering=0)
            if self._file.tell() > self._size:
                self._file.truncate(self._size)
        except OSError as error:
            raise StorageError.of(self.path, "open it", error) from None

    def append(self, line: bytes, at_once: bool) -> None:
        try:
            written = 0
            while written < len(line):
                count = self._file.write(line[written:])
                if not count:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                written += count
            self._waits = True
            if at_once:
                self._sync()
        except OSError as error:
            self._file.truncate(self._size)
            raise StorageError.of(self.path, APPEND, error) from None
        self._size += len(line)

    def settle(self) -> None:
        is_due = time.monotonic() - self._synced_at >= SECONDS_BETWEEN_PUTS
        if not (self._waits and is_due):
            return
        try:
            self._sync()
        except OSError as error:
            raise StorageError.of(self.path, APPEND, error) from None

    def close(self) -> None:
        if self._waits:
            self._sync()
        self._file.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._waits, self._synced_at = False, time.monotonic()

    def _content(self) -> bytes:
        content = self.path.read_bytes() if self.path.exists() else b""
        return content[: content.rfind(b"\n") + 1]


class ObjectJournal:
    """Numbered segments, `00000000.jsonl` and on, each an object that is put whole.

    A driver begins a segment of its own. Lines that may wait are put after a second at most, so a
    crash loses those of the last second; it never leaves a torn line. `fence` raises
    `LeaseLostError` when this driver may not write any more.
    """

    def __init__(self, place: Place, fence: Callable[[], None] | None = None) -> None:
        self.place = place
        self._fence = fence or (lambda: None)
        self._begin(0)
        self._put_at = 0.0

    def __str__(self) -> str:
        return str(self.place)

    def lines(self) -> Iterator[tuple[str, bytes]]:
        names = [name for name in self.place.names() if name.endswith(".jsonl")]
        for name, content in zip(names, self.place.contents(names), strict=True):
            yield from _numbered(str(self.place / name), content)

    def open(self) -> None:
        names = self.place.names()
        self._begin(int(names[-1].removesuffix(".jsonl")) + 1 if names else 0)

    def append(self, line: bytes, at_once: bool) -> None:
        self._segment += line
        if not (at_once or self._is_due):
            self._waits = True
            return
        try:
            self._put()
        except (StorageError, LeaseLostError):
            del self._segment[-len(line) :]
            raise

    def settle(self) -> None:
        if self._waits and self._is_due:
            self._put()

    def close(self) -> None:
        if self._waits:
            self._put()

    @property
    def _is_due(self) -> bool:
        return time.monotonic() - self._put_at >= SECONDS_BETWEEN_PUTS

    def _begin(self, number: int) -> None:
        self._number, self._segment = number, bytearray()
        self._is_new, self._waits = True, False

    def _put(self) -> None:
        self._fence()
        segment = self.place / f"{self._number:08d}.jsonl"
        if not self._is_new:
            segment.write(bytes(self._segment))
        elif not segment.create(bytes(self._segment)):
            raise LeaseLostError(f"{segment} has been written by another driver")
        self._is_new, self._waits, self._put_at = False, False, time.monotonic()
        if len(self._segment) >= SEALED_BYTES:
            self._begin(self._number + 1)


def _numbered(where: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(content.splitlines(), start=1):
        yield f"{where}, line {number}", line

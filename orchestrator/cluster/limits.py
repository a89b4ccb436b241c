"""How long a trial may take: a watch in the worker that nothing can keep from striking."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.causes import Cause
from orchestrator.spec import Limits

STACK_FILE = "stack.txt"


class Clock:
    """The time a trial has left: for its next epoch, and in all. Wall clocks may jump meanwhile."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._trained = 0.0
        self._news = time.monotonic()

    def epoch(self, seconds: float) -> None:
        """An epoch took so long; those of earlier attempts count as well."""
        self._trained += seconds
        self._news = time.monotonic()

    @property
    def seconds_left(self) -> float | None:
        """Until the nearer of both limits, from the last epoch on; None without limits."""
        left = [seconds for seconds in (self._stall, self._rest) if seconds is not None]
        return min(left, default=None)

    @property
    def cause(self) -> Cause | None:
        """The limit that has been exceeded since the last epoch."""
        passed = time.monotonic() - self._news
        if self._rest is not None and passed >= self._rest:
            return Cause.TIMEOUT
        if self._stall is not None and passed >= self._stall:
            return Cause.STALLED
        return None

    @property
    def _stall(self) -> float | None:
        minutes = self._limits.stall_minutes
        return None if minutes is None else 60 * minutes

    @property
    def _rest(self) -> float | None:
        hours = self._limits.hours
        return None if hours is None else 3600 * hours - self._trained


@contextmanager
def watched(seconds: float | None, folder: Path) -> Iterator[None]:
    """End the process if the block takes longer, every thread's stack in a file of the folder.

    The watch is a thread of C: it strikes though Python hangs in native code.
    """
    if seconds is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / STACK_FILE).open("w") as file:
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def stack_in(folder: Path) -> str:
    """Where the watch struck; empty if it did not."""
    try:
        return (folder / STACK_FILE).read_text().strip()
    except OSError:
        return ""

"""Signals: once means stop cleanly, twice means now."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

GRACE_SECONDS = 30.0


class Stop:
    """The wish to end a run of trials: softly by the user, or at once by whatever went wrong."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self.grace = grace
        self.error: BaseException | None = None
        """What to raise when everything has stopped."""
        self.reason: str | None = None
        """Why to go no further, though nothing is broken."""
        self._deadline: float | None = None

    @property
    def is_wanted(self) -> bool:
        """Nothing new starts; epochs that run may end."""
        return self._deadline is not None

    @property
    def is_due(self) -> bool:
        """The epochs that still run are cut off."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def ask(self) -> None:
        self._deadline = time.monotonic() + self.grace

    def fail(self, error: BaseException) -> None:
        """Stop at once; of several errors the first counts."""
        self.error = self.error or error
        self._deadline = time.monotonic()

    def give_up(self, reason: str) -> None:
        self.reason = reason
        self._deadline = time.monotonic()


@contextmanager
def stopping_on_signals(stop: Stop) -> Iterator[None]:
    """The first SIGINT or SIGTERM asks to stop, the next one raises `KeyboardInterrupt`."""

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_wanted:
            raise KeyboardInterrupt
        stop.ask()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM, as batch systems send it, means what Ctrl-C means."""
    before = signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

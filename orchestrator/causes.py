"""Why trials fail, which of them may be tried again, and when it is one error for all."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.engine.errors import DivergedError, StorageError

FRUITLESS_ATTEMPTS = 20
"""Losses in a row without one new epoch after which even a blameless trial is given up."""

_FULL_OR_LOCKED = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ESTALE,
}
_DEVICE_MEMORY = ("CUDA error: out of memory", "_STATUS_ALLOC_FAILED")
_HOST_MEMORY = ("DefaultCPUAllocator: can't allocate", "running low on memory")


class Cause(StrEnum):
    """Why a trial failed, or lost its worker."""

    USER_ERROR = "user_error"
    """The code or the configuration raised an error; it would again."""
    DIVERGED = "diverged"
    """A loss, weight or score became NaN or infinite."""
    OUT_OF_MEMORY = "out_of_memory"
    """The GPU had not enough memory left."""
    OUT_OF_HOST_MEMORY = "out_of_host_memory"
    """The node had not enough memory left."""
    CRASHED = "crashed"
    """The worker process died: a signal, an exit."""
    STALLED = "stalled"
    """An epoch took longer than `limits.stall_minutes`."""
    TIMEOUT = "timeout"
    """The training took longer than `limits.hours`."""
    LOST_NODE = "lost_node"
    """The node died, or cannot be reached."""
    PREEMPTED = "preempted"
    """The node was taken away by whoever lends it."""
    STORAGE = "storage"
    """The trial's folder takes no writes: full, read-only, not allowed."""

    @property
    def counts(self) -> bool:
        """Whether it counts against `retries`; for the others the trial is not to blame."""
        return self in {Cause.CRASHED, Cause.STALLED}

    @property
    def is_memory(self) -> bool:
        return self in {Cause.OUT_OF_MEMORY, Cause.OUT_OF_HOST_MEMORY}

    @property
    def told(self) -> str:
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class Loss:
    """An attempt at a trial that ended before the trial did."""

    cause: Cause
    epochs: int
    """How many epochs of the trial were known by then."""


def cause_of(error: BaseException) -> Cause:
    """What an exception that was raised in a training means."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if isinstance(error, DivergedError):
        return Cause.DIVERGED
    if isinstance(error, MemoryError) or any(words in text for words in _HOST_MEMORY):
        return Cause.OUT_OF_HOST_MEMORY
    if "OutOfMemoryError" in names or any(words in text for words in _DEVICE_MEMORY):
        return Cause.OUT_OF_MEMORY
    if isinstance(error, StorageError):
        return Cause.STORAGE
    if isinstance(error, OSError) and error.errno in _FULL_OR_LOCKED:
        return Cause.STORAGE
    return Cause.USER_ERROR


def traceback_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def last_line(error: str) -> str:
    """What a traceback comes to."""
    return error.strip().splitlines()[-1]


def may_try_again(losses: Sequence[Loss], retries: int) -> bool:
    """Whether a trial that lost its worker so often starts again."""
    num_counted = sum(loss.cause.counts for loss in losses)
    num_fruitless = sum(loss.epochs == losses[-1].epochs for loss in losses)
    return num_counted <= retries and num_fruitless < FRUITLESS_ATTEMPTS


class SameErrors:
    """Whether one error is the end of each of the first `limit` trials; None: never."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._ends: list[str | None] = []

    def ended(self, cause: Cause | None, error: str | None) -> bool:
        """To be told of each trial that ends; true once, when the limit is reached."""
        self._ends.append(signature(error or "") if cause is Cause.USER_ERROR else None)
        kinds = set(self._ends)
        return len(self._ends) == self._limit and len(kinds) == 1 and None not in kinds


def signature(error: str) -> str:
    """Equal for two tracebacks of one defect: the type, and the last line of ours or the message.

    Lines of installed packages are passed over: where they fail depends on the values.
    """
    frames = re.findall(r'^ *File "(.+)", line (\d+)', error, re.MULTILINE)
    ours = [f"{file}:{line}" for file, line in frames if "site-packages" not in file]
    lines = error.strip().splitlines() or [""]
    kind, _, message = lines[-1].partition(":")
    return f"{kind} {ours[-1] if ours else re.sub('[0-9]+', '', message)}"

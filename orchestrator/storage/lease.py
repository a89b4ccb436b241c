"""One driver a study: a lock where studies lie in files, a lease in a storage.

The lease is a numbered object. Whoever takes it over creates the next number, which only one can;
whoever finds a higher number than the own has lost it. Clocks of two machines are never compared:
a holder is dead if its process is known to be gone, or if nothing was renewed while we watched.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.engine.errors import StorageError
from orchestrator.storage.errors import LeaseLostError, StudyBusyError
from orchestrator.storage.place import Place

Fence = Callable[[], None]
"""Raises `LeaseLostError` where this driver may not write any more."""


@dataclass(frozen=True)
class Owner:
    """A driver. `process` tells it from a later one with the same number on the same machine."""

    pid: int
    host: str
    since: str
    process: str
    id: str

    @classmethod
    def this_process(cls) -> Owner:
        now = datetime.now().astimezone().isoformat(" ", "seconds")
        process = _process(os.getpid()) or ""
        return cls(os.getpid(), socket.gethostname(), now, process, secrets.token_hex(8))

    @property
    def is_gone(self) -> bool:
        """Whether it provably does not run any more: it was of this machine, and is not here."""
        machine = self.process.rpartition(" ")[0]
        is_of_here = self.host == socket.gethostname() and machine == _machine()
        return bool(machine) and is_of_here and _process(self.pid) != self.process

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


@contextmanager
def locked_file(path: Path, study: str) -> Iterator[Fence]:
    """An advisory lock that ends with the process, however that ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise StorageError.of(path, "lock it", error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _busy(study, file.read().strip() or "a driver that has just begun") from None
        file.truncate(0)
        file.write(str(Owner.this_process()))
        file.flush()
        yield lambda: None


@dataclass(frozen=True)
class Pace:
    """Seconds. Nobody writes on a lease that is older than `valid`, and nobody takes over what
    was renewed within `dead`: so there is room for a write that takes `dead - valid`."""

    renewal: float = 10.0
    valid: float = 20.0
    dead: float = 45.0
    settling: float = 2.0
    """After which a storage without conditional writes shows who came last."""


@dataclass(frozen=True)
class Held:
    """What a lease says."""

    owner: Owner
    renewals: int = 0
    is_ended: bool = False

    def written(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, content: bytes) -> Held:
        document: dict[str, Any] = json.loads(content)
        return cls(**document | {"owner": Owner(**document["owner"])})


@dataclass
class Lease:
    """A lease that is ours; a thread renews it."""

    place: Place
    number: int
    held: Held
    pace: Pace
    _renewed: float
    _is_lost: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)

    def require(self) -> None:
        """Raise `LeaseLostError` if another has taken over, and `StorageError` if that cannot be
        known; asks the storage only if the last renewal is long ago."""
        if self._is_lost or _now() - self._renewed > self.pace.valid:
            self.renew()

    def renew(self) -> None:
        with self._lock:
            asked = _now()
            number, held = _newest(self.place)
            if held is None or held.owner != self.held.owner:
                self._is_lost = True
                raise LeaseLostError(f"{self.place}: another driver has taken over; this one stops")
            self.held = replace(self.held, renewals=self.held.renewals + 1)
            (self.place / _name(number)).write(self.held.written())
            self._renewed = asked

    def keep(self) -> None:
        """Renew until it is lost or given back; a storage that is away may come back."""
        while not (self._ended.wait(self.pace.renewal) or self._is_lost):
            with suppress(StorageError, LeaseLostError):
                self.renew()

    def give_back(self) -> None:
        """Whoever finds it waits for nothing; in a storage that is away it ends by silence."""
        self._ended.set()
        with self._lock, suppress(StorageError):
            if not self._is_lost:
                ended = replace(self.held, is_ended=True)
                (self.place / _name(self.number)).write(ended.written())


@contextmanager
def leased(place: Place, study: str, pace: Pace | None = None) -> Iterator[Fence]:
    """Hold the study; raises `StudyBusyError` unless its driver has ended or is provably dead."""
    lease = take(place, study, pace or Pace())
    threading.Thread(target=lease.keep, name="lease", daemon=True).start()
    try:
        yield lease.require
    finally:
        lease.give_back()


def take(place: Place, study: str, pace: Pace) -> Lease:
    number, held = _newest(place)
    if held is not None and not (held.is_ended or held.owner.is_gone):
        _require_dead(place, study, number, held, pace)
    mine, asked = Held(Owner.this_process()), _now()
    if (place / _name(number + 1)).create(mine.written()):
        time.sleep(pace.settling)
    number, held = _newest(place)
    if held is None or held.owner != mine.owner:
        raise _busy(study, held and held.owner)
    for older in _numbers(place)[:-1]:
        (place / _name(older)).remove()
    return Lease(place, number, mine, pace, asked)


def _require_dead(place: Place, study: str, number: int, held: Held, pace: Pace) -> None:
    """Watch for as long as a living driver could be silent, by our own clock."""
    began = _now()
    while _now() - began < pace.dead:
        time.sleep(pace.renewal / 4)
        if _newest(place) != (number, held):
            raise _busy(study, held.owner)


def _newest(place: Place) -> tuple[int, Held | None]:
    for number in reversed(_numbers(place)):
        if (content := (place / _name(number)).read()) is not None:
            return number, Held.read(content)
    return 0, None


def _numbers(place: Place) -> list[int]:
    names = (name.removesuffix(".json") for name in place.names())
    return [int(name) for name in names if name.isdigit()]


def _name(number: int) -> str:
    return f"{number:08d}.json"


def _busy(study: str, owner: object) -> StudyBusyError:
    return StudyBusyError(
        f"study {study} is being run by {owner}; stop that one, or wait until it has ended"
    )


def _now() -> float:
    """Seconds on this machine's own clock, which nobody sets; it runs on while it sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _machine() -> str:
    """The machine since it was started, and the space of process numbers; empty if not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _process(pid: int) -> str | None:
    """A running process, for ever told from others; None where there is none, or nobody knows."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in {"Z", "X"} else f"{_machine()} {started}"

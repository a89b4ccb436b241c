"""The ledger of looks at test splits: who looked at which, when, with which model, what was seen.

A split of (data digest, protocol) is locked: it may be looked at once a promotion. Another look is
allowed and counted, since a choice made after many looks is no longer tested by them. The ledger is
a log beside the studies: one folder a split, nothing in it is ever changed.
"""

from __future__ import annotations

import getpass
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from orchestrator.home import Home, StudyFolder
from orchestrator.storage.errors import StudyBusyError
from orchestrator.storage.journal import Journal
from orchestrator.storage.lease import Fence

_SECONDS_TO_WAIT = 120.0
_SECONDS_BETWEEN_TRIES = 0.2


@dataclass(frozen=True)
class Look:
    """One look, the `number`-th at its split; `figure` is test top-1 in percent, once known."""

    number: int
    who: str
    when: str
    model: str
    trials: tuple[str, ...]
    figure: float | None = None

    def told(self) -> str:
        """`3rd look at this test split`."""
        return f"{ordinal(self.number)} look at this test split"


@dataclass(frozen=True)
class Ledger:
    """All looks at one test split."""

    folder: StudyFolder

    @classmethod
    def of(cls, home: Home, data_digest: str, protocol: str) -> Ledger:
        name = f"{data_digest}-{protocol}"
        kept = home.place and home.place / "looks" / name
        return cls(StudyFolder(home.studies.parent / "looks" / name, kept))

    def ask(self, model: str, trials: tuple[str, ...]) -> Look:
        """To be called before the split is read; the same trained trials look at it only once."""
        with self._open() as journal:
            looks = _looks(journal)
            known = [look for look in looks if look.trials == trials and trials]
            if known:
                return known[0]
            look = Look(len(looks) + 1, who(), _now(), model, trials)
            _append(journal, {"event": "asked", **asdict(look)})
            return look

    def tell(self, look: Look, figure: float) -> None:
        """What was seen, once."""
        with self._open() as journal:
            if _looks(journal)[look.number - 1].figure is None:
                _append(journal, {"event": "seen", "number": look.number, "figure": figure})

    def looks(self) -> list[Look]:
        return _looks(self.folder.journal())

    @contextmanager
    def _open(self) -> Iterator[Journal]:
        with ExitStack() as stack:
            fence = self._taken(stack)
            journal = stack.enter_context(closing(self.folder.journal(fence)))
            journal.open()
            yield journal

    def _taken(self, stack: ExitStack) -> Fence:
        """Whoever else writes has the ledger for a moment."""
        limit = time.monotonic() + _SECONDS_TO_WAIT
        while True:
            try:
                return stack.enter_context(self.folder.locked())
            except StudyBusyError:
                if time.monotonic() > limit:
                    raise
            time.sleep(_SECONDS_BETWEEN_TRIES)


def who() -> str:
    """`user@host`."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    is_teen = number % 100 in {11, 12, 13}
    ending = {1: "st", 2: "nd", 3: "rd"}.get(0 if is_teen else number % 10, "th")
    return f"{number}{ending}"


def _looks(journal: Journal) -> list[Look]:
    looks: list[Look] = []
    for _, line in journal.lines():
        event = json.loads(line)
        kind = event.pop("event")
        if kind == "asked":
            looks.append(Look(**{**event, "trials": tuple(event["trials"])}))
        else:
            seen = looks[event["number"] - 1]
            looks[event["number"] - 1] = Look(**{**asdict(seen), "figure": event["figure"]})
    return looks


def _append(journal: Journal, event: dict[str, object]) -> None:
    journal.append(json.dumps(event, allow_nan=False).encode() + b"\n", at_once=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(" ", "seconds")

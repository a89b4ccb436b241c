"""Brings records to where they are shown, in a thread of its own: nobody waits for a server.

The log is the spool: only the newest record of a trial waits here, and stands for all before it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from orchestrator.records import TrialRecord
from orchestrator.tracking.connection import LONGEST_PAUSE, SHORTEST_PAUSE, Tell
from orchestrator.tracking.trial_runs import Artifacts

SECONDS_BETWEEN_ROUNDS = 4.0
"""So that several epochs of a short one go in one request."""


@dataclass(frozen=True)
class Letter:
    """A trial as it was when it was posted; epochs may be added to it meanwhile."""

    record: TrialRecord
    artifacts: Artifacts


class Courier:
    """Goes its round every few seconds; after trouble it comes back, later each time.

    Whatever goes wrong on the way, a defect of ours included, is told and tried again.
    """

    def __init__(
        self, deliver: Callable[[TrialRecord, Artifacts], None], where: str, tell: Tell
    ) -> None:
        self._deliver = deliver
        self._where = where
        self._tell = tell
        self._waiting: dict[str, Letter] = {}
        self._changed = threading.Condition()
        self._is_urgent = self._is_closed = False
        self._pause = SHORTEST_PAUSE
        self._moved = monotonic()
        self._stuck_since: float | None = None
        self.had_trouble = False
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> frozenset[str]:
        """Trials whose news have not been taken yet."""
        with self._changed:
            return frozenset(self._waiting)

    def post(self, letter: Letter) -> None:
        with self._changed:
            self._waiting[letter.record.plan.id] = letter

    def catch_up(self, patience: float) -> frozenset[str]:
        """Wait until everything is taken, or nothing was for so many seconds; what is left."""
        with self._changed:
            self._is_urgent, self._moved = True, monotonic()
            self._changed.notify_all()
            while self._waiting and monotonic() - self._moved < patience:
                self._changed.wait(0.2)
            self._is_urgent = False
            return frozenset(self._waiting)

    def close(self) -> None:
        """Nothing is taken along any more; a request that is under way is not waited for long."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while not self._is_closed:
            try:
                self._round()
                self._caught_up()
                self._rest(SECONDS_BETWEEN_ROUNDS)
            except Exception as error:
                self._behind(error)
                self._rest(self._pause)
                self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _round(self) -> None:
        """Everything that waits now; where one fails, the others come first the next time."""
        with self._changed:
            letters = dict(self._waiting)
        for trial, letter in letters.items():
            if self._is_closed:
                return
            try:
                self._deliver(letter.record, letter.artifacts)
            except Exception:
                self._put_last(trial)
                raise
            self._taken(trial, letter)

    def _taken(self, trial: str, letter: Letter) -> None:
        with self._changed:
            if self._waiting[trial] is letter:
                del self._waiting[trial]
            self._moved, self._pause = monotonic(), SHORTEST_PAUSE
            self._changed.notify_all()

    def _put_last(self, trial: str) -> None:
        with self._changed:
            self._waiting[trial] = self._waiting.pop(trial)

    def _rest(self, seconds: float) -> None:
        """Cut short, but to a moment, once somebody waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._is_hurried, seconds)
            if self._stuck_since is not None and not self._is_closed:
                self._changed.wait(min(seconds, SHORTEST_PAUSE))

    @property
    def _is_hurried(self) -> bool:
        return self._is_urgent and bool(self._waiting)

    def _behind(self, error: Exception) -> None:
        if self._stuck_since is None:
            self._stuck_since, self.had_trouble = monotonic(), True
            what = f"{type(error).__name__}: {error}"
            self._tell(f"{self._where} does not take writes, training goes on: {what}")

    def _caught_up(self) -> None:
        if self._stuck_since is not None:
            seconds = monotonic() - self._stuck_since
            self._stuck_since = None
            self._tell(f"{self._where} is up to date again, after {seconds:.0f} s")

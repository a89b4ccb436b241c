"""A study while it runs, seen from any machine that sees its log."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.engine.documents import Raw
from orchestrator.failures import failure_lines
from orchestrator.home import Home
from orchestrator.planning.trials import current_records
from orchestrator.records import State, StudyLog, TrialRecord
from orchestrator.storage.following import Follower
from orchestrator.stored import stored_study

_WINDOW_SECONDS = 3600.0


@dataclass(frozen=True)
class Progress:
    """How far a study is at one moment."""

    study: str
    total: int
    states: dict[str, int]
    failures: list[str]
    """A line a cause, the most frequent first."""
    trials_per_hour: float
    epochs_per_hour: float
    seconds_left: float | None
    gpus_in_use: dict[str, float]
    """By node; of running trials that have told where they run."""
    running: dict[str, str]
    """Name of each trial that runs, and its epochs."""
    last_event: float | None

    @property
    def num_done(self) -> int:
        return sum(count for state, count in self.states.items() if State(state).is_final)

    @property
    def is_over(self) -> bool:
        return self.num_done == self.total

    def plain(self) -> Raw:
        return asdict(self)


class WatchedStudy:
    """Reads on in the log each time it is asked."""

    def __init__(self, home: Home, name: str) -> None:
        self._study = stored_study(home, name)
        self._follower = Follower(home.study(name).journal())
        self._log = StudyLog(Path(os.devnull))
        self._epochs: deque[float] = deque()
        self._first: float | None = None
        self._last: float | None = None
        self._places: dict[str, tuple[str, float]] = {}
        self._current: list[TrialRecord] = []
        self._num_seen = 0

    def progress(self, now: float) -> Progress:
        """`now` by the clock that the driver writes its events by, in seconds."""
        for line in self._follower.new_lines():
            self._take_in(json.loads(line))
        records = self._records()
        states = Counter(record.state.value for record in records)
        total = self._total(len(records))
        states[State.WAITING.value] += total - len(records)
        running = [record for record in records if record.state is State.RUNNING]
        trials, epochs = self._rates(records, now)
        num_left = total - sum(record.state.is_final for record in records)
        return Progress(
            study=self._study.spec.study,
            total=total,
            states={state.value: states[state.value] for state in State if states[state.value]},
            failures=failure_lines(records),
            trials_per_hour=trials,
            epochs_per_hour=epochs,
            seconds_left=num_left / trials * 3600 if running and trials else None,
            gpus_in_use=self._gpus_in_use(running),
            running={r.plan.name: f"{len(r.epochs)}/{r.plan.config['epochs']}" for r in running},
            last_event=self._last,
        )

    def _take_in(self, event: Raw) -> None:
        self._log.apply(event)
        self._last = event["time"]
        self._first = self._last if self._first is None else self._first
        if event["event"] == "epoch":
            self._epochs.append(event["time"])
        if event["event"] == "placed":
            self._places[event["trial"]] = (event["node"], event["gpus"])

    def _records(self) -> list[TrialRecord]:
        """Those of the study as it was last run; looked for anew when there are others."""
        if len(self._log.records) != self._num_seen:
            self._num_seen = len(self._log.records)
            self._current = current_records(self._study, self._log)
        return self._current

    def _total(self, num_known: int) -> int:
        search = self._study.spec.search
        return num_known if search is None else max(num_known, search.trials)

    def _rates(self, records: list[TrialRecord], now: float) -> tuple[float, float]:
        """Trials and epochs an hour, over the last hour or as long as there is a log."""
        begin = max(now - _WINDOW_SECONDS, now if self._first is None else self._first)
        while self._epochs and self._epochs[0] < begin:
            self._epochs.popleft()
        ended = sum(r.state.is_final and (r.ended or 0) >= begin for r in records)
        hours = max(now - begin, 1.0) / 3600
        return ended / hours, len(self._epochs) / hours

    def _gpus_in_use(self, running: list[TrialRecord]) -> dict[str, float]:
        used: dict[str, float] = {}
        for record in running:
            if record.plan.id in self._places:
                node, gpus = self._places[record.plan.id]
                used[node] = used.get(node, 0.0) + gpus
        return dict(sorted(used.items()))


def progress_lines(progress: Progress, now: float) -> list[str]:
    """For the terminal."""
    counts = ", ".join(f"{count} {state}" for state, count in progress.states.items())
    left = progress.seconds_left
    lines = [
        f"{progress.study}: {progress.num_done} of {progress.total} trials done",
        f"  {counts}",
        f"  {progress.trials_per_hour:.1f} trials and {progress.epochs_per_hour:.0f} epochs an hour"
        + (f", about {left / 3600:.1f} h left" if left is not None else ""),
        *(f"  {line}" for line in progress.failures),
        *(f"  {node}: {gpus:g} GPU in use" for node, gpus in progress.gpus_in_use.items()),
        *(f"  runs {name}: {epochs} epochs" for name, epochs in progress.running.items()),
    ]
    if progress.last_event is not None:
        lines.append(f"  last heard of {max(now - progress.last_event, 0):.0f} s ago")
    return lines

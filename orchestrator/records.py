"""What is known of a study: an append-only log of trial events, and the records it adds up to.

The log is the truth; MLflow runs, the sampler's and the scheduler's state are rebuilt from it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from orchestrator.causes import Cause, Loss
from orchestrator.engine.documents import Raw
from orchestrator.epochs import Epoch, shared
from orchestrator.storage.journal import Journal, LocalJournal


class State(StrEnum):
    """Where a trial stands."""

    WAITING = "waiting"
    """Planned and not started yet, or to be started again after it lost its worker."""
    RUNNING = "running"
    """A worker trains it, or did when the driver was last seen."""
    INTERRUPTED = "interrupted"
    """Stopped by the user; the next run carries on from its checkpoint."""
    COMPLETE = "complete"
    """Ran all its epochs."""
    PRUNED = "pruned"
    """Stopped early by the scheduler."""
    DIVERGED = "diverged"
    """Produced a value that is not finite."""
    FAILED = "failed"
    """Raised an error, hit a limit, or lost its worker more often than `retries` allows."""
    OUT_OF_MEMORY = "out_of_memory"
    """Ran out of memory with all that a node has for one trial."""

    @property
    def is_final(self) -> bool:
        return self not in {State.WAITING, State.RUNNING, State.INTERRUPTED}

    @property
    def is_failure(self) -> bool:
        return self in {State.DIVERGED, State.FAILED, State.OUT_OF_MEMORY}


class Role(StrEnum):
    """Why a trial is run."""

    CELL = "cell"
    """A variant of an ablation with one seed."""
    TUNING = "tuning"
    """A try at the hyper-parameters of a variant, before its seeds are run."""
    SEARCH = "search"
    """A point of a search space."""
    REPLICA = "replica"
    """A good point of a search with a fresh seed, before one of them is chosen."""
    FINAL = "final"
    """The promoted configuration, trained on train + val."""
    SINGLE = "single"
    """A trial file trained by itself."""


@dataclass(frozen=True)
class TrialPlan:
    """One training to be done; `id` is the digest of configuration, seed and data."""

    id: str
    name: str
    role: Role
    variant: str
    seed: int
    params: dict[str, Any]
    config: Raw
    data_digest: str


@dataclass
class TrialRecord:
    """A trial as the log remembers it."""

    plan: TrialPlan
    state: State = State.WAITING
    epochs: list[Epoch] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: str | None = None
    cause: Cause | None = None
    losses: list[Loss] = field(default_factory=list)
    """Attempts that ended with their worker."""
    started: float | None = None
    ended: float | None = None
    place: int = 0
    """Among all ends in the log, from 1: clocks may jump, the log does not."""

    @property
    def is_under_way(self) -> bool:
        """Whether it runs, or waits for its next attempt."""
        return self.state is State.RUNNING or (self.state is State.WAITING and bool(self.losses))

    def values(self, metric: str) -> list[float]:
        return [epoch[metric] for epoch in self.epochs if metric in epoch]

    def best(self, metric: str, mode: str) -> float | None:
        """The metric at its best epoch so far."""
        values = self.values(metric)
        return (max if mode == "max" else min)(values) if values else None

    @property
    def seconds(self) -> float:
        return sum(epoch.get("epoch_seconds", 0.0) for epoch in self.epochs)


_MAY_WAIT = frozenset({"planned", "epoch"})
"""Events that follow from others: a plan from the study, an epoch from the trial's checkpoint."""


class StudyLog:
    """The events of a study; those that cannot be told again are safe before their call returns."""

    def __init__(self, place: Journal | Path) -> None:
        self.journal = LocalJournal(place) if isinstance(place, Path) else place
        self.records: dict[str, TrialRecord] = {}
        self.data: dict[str, str] = {}
        """Name to digest of the data sets in use."""
        self._num_ends = 0
        for where, event in _placed_events(self.journal):
            try:
                self.apply(event)
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{where}: not a trial event ({error!r})") from None

    def open(self) -> StudyLog:
        """Make ready to append; a line torn by a crash is cut off."""
        self.journal.open()
        return self

    def settle(self) -> None:
        """Make safe what waits; to be called often, and before anything else is told."""
        self.journal.settle()

    def close(self) -> None:
        self.journal.close()

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event, as it is kept."""
        return (event for _, event in _placed_events(self.journal))

    def plan(self, plan: TrialPlan) -> TrialRecord:
        """The record of this trial, new or known; it takes the plan's name if that is another."""
        if plan.id not in self.records or self.records[plan.id].plan != plan:
            self._append("planned", plan.id, plan=asdict(plan))
        return self.records[plan.id]

    def start(self, trial: str) -> None:
        self._append("started", trial)

    def epoch(self, trial: str, metrics: dict[str, float], is_pruned: bool = False) -> bool:
        """Whether the epoch was new: a resumed trial tells its earlier epochs again.

        The scheduler's verdict is part of the event, so that no crash comes between the two.
        """
        is_new = int(metrics["epoch"]) >= len(self.records[trial].epochs)
        if is_new:
            verdict = {"pruned": True} if is_pruned else {}
            self._append("epoch", trial, metrics=metrics, **verdict)
        return is_new

    def place(self, trial: str, node: str, gpus: float) -> None:
        """On which node an attempt runs, and with how much of its GPUs: for people who look."""
        self._append("placed", trial, node=node, gpus=gpus)

    def lose(self, trial: str, cause: Cause, detail: str, node: str | None) -> None:
        """An attempt is over, the trial is not."""
        self._append("lost", trial, cause=cause, detail=detail, node=node)

    def end(
        self,
        trial: str,
        state: State,
        result: dict[str, Any] | None = None,
        error: str | None = None,
        cause: Cause | None = None,
    ) -> None:
        self._append("ended", trial, state=state, result=result, error=error, cause=cause)

    def reopen(self, trial: str) -> None:
        """Let a trial that failed be tried again."""
        self._append("reopened", trial)

    def use_data(self, digests: dict[str, str]) -> None:
        """From now on the study is about these preparations of its data sets."""
        if not digests.items() <= self.data.items():
            self._append("data", "", digests=digests)

    def of_role(self, *roles: Role) -> list[TrialRecord]:
        return [record for record in self.records.values() if record.plan.role in roles]

    def _append(self, kind: str, trial: str, **content: Any) -> None:
        event = {"event": kind, "trial": trial, "time": time.time(), **content}
        line = json.dumps(event, allow_nan=False).encode() + b"\n"
        may_wait = kind in _MAY_WAIT and "pruned" not in content
        self.journal.append(line, at_once=not may_wait)
        self.apply(event)

    def apply(self, event: dict[str, Any]) -> None:
        if event["event"] == "planned":
            plan = _plan(event["plan"])
            self.records.setdefault(plan.id, TrialRecord(plan)).plan = plan
            return
        if event["event"] == "data":
            self.data |= event["digests"]
            return
        record = self.records[event["trial"]]
        match event["event"]:
            case "reopened":
                record.state, record.error, record.ended = State.WAITING, None, None
                record.cause, record.losses = None, []
            case "started":
                record.state = State.RUNNING
                record.started = record.started or event["time"]
            case "epoch":
                record.epochs.append(Epoch(event["metrics"]))
                if event.get("pruned"):
                    record.state = State.PRUNED
                    self._close(record, event["time"])
            case "lost":
                record.state = State.WAITING
                record.losses.append(Loss(Cause(event["cause"]), len(record.epochs)))
            case "ended":
                record.state = State(event["state"])
                record.result, record.error = event["result"], event["error"]
                record.cause = Cause(event["cause"]) if event.get("cause") else None
                self._close(record, event["time"])

    def _close(self, record: TrialRecord, now: float) -> None:
        self._num_ends += 1
        record.ended, record.place = now, self._num_ends


def _plan(content: Raw) -> TrialPlan:
    config = shared(content["config"])
    return TrialPlan(**{**content, "role": Role(content["role"]), "config": config})


def _placed_events(journal: Journal) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each with where it stands; ValueError naming that for a damaged line."""
    for where, line in journal.lines():
        try:
            event = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{where}: not a JSON event ({error})") from None
        yield where, event

"""Trials come back: what has lost its worker is started again, elsewhere, from its checkpoint.

An attempt at a trial is one trial of Ray's. Which of them belong together, how often a trial may
come back and what it gets then is decided here; Ray's own retries are not used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.causes import Cause, Loss, SameErrors, last_line, may_try_again
from orchestrator.cluster.demand import demand
from orchestrator.cluster.limits import Clock, stack_in
from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import StorageError
from orchestrator.interruption import Stop
from orchestrator.objective import Objective
from orchestrator.records import State, TrialPlan, TrialRecord
from orchestrator.search.scheduler_spec import Scheduler
from orchestrator.spec import Limits, Resources
from orchestrator.storage.worker import Kept


class TrialSource(Protocol):
    """What to run next."""

    total: int

    @property
    def num_left(self) -> int:
        """How many trials are still to be started."""

    @property
    def is_waiting(self) -> bool:
        """Whether `next` may have something again once a running trial has ended."""

    def next(self) -> TrialPlan | None:
        """The next trial, or None when there is nothing to start (now, if it is waiting)."""


class Listener(Protocol):
    """Told by the driver, in its own thread, of everything that happens."""

    def started(self, plan: TrialPlan) -> None: ...

    def placed(self, plan: TrialPlan, node: str, gpus: float) -> None:
        """Where an attempt is: known with its first epoch."""

    def epoch(self, plan: TrialPlan, metrics: dict[str, float], is_pruned: bool) -> None:
        """An epoch, and whether it is the last one, by the scheduler's verdict."""

    def lost(self, plan: TrialPlan, cause: Cause, detail: str, node: str | None) -> Sequence[Loss]:
        """An attempt is over; the answer is all that the trial has lost so far."""

    def ended(
        self,
        plan: TrialPlan,
        state: State,
        result: Raw | None,
        error: str | None,
        cause: Cause | None,
    ) -> None: ...

    def stopping(self, seconds: float) -> None:
        """Nothing new starts; epochs that run have so long to end."""

    def tick(self) -> None:
        """Called many times a second while trials run."""


@dataclass(frozen=True)
class Job:
    """How the trials of one study run."""

    objective: Objective
    resources: Resources
    scheduler: Scheduler
    retries: int
    limits: Limits
    stop_after_same_errors: int | None
    max_concurrent: int | None
    kept: Kept
    scratch: Path
    device: str
    packing: Callable[[TrialPlan], Resources] | None = None

    def first_demand(self, plan: TrialPlan) -> Resources:
        """What a trial that never ran out of memory occupies."""
        return self.resources if self.packing is None else self.packing(plan)


class Attempts:
    """The trials of a source, and those again that are to come back."""

    def __init__(
        self,
        source: TrialSource,
        listener: Listener,
        job: Job,
        known: Iterable[TrialRecord],
        stop: Stop,
        roomiest: Callable[[Resources], Resources],
    ) -> None:
        self._source, self._listener, self._job, self._stop = source, listener, job, stop
        self._roomiest = roomiest
        self._losses: dict[str, Sequence[Loss]] = {r.plan.id: r.losses for r in known if r.losses}
        self._again: deque[TrialPlan] = deque()
        self._clocks: dict[str, Clock] = {}
        self._open: set[str] = set()
        self._same = SameErrors(job.stop_after_same_errors)

    @property
    def is_over(self) -> bool:
        """Whether nothing will come any more: a trial that runs may come back."""
        may_come = self._again or self._open or self._source.is_waiting
        return self._stop.is_wanted or not may_come

    @property
    def num_left(self) -> int:
        """Trials that were begun or are still to be, and have not ended."""
        return len(self._open) + self._source.num_left

    def next(self) -> tuple[TrialPlan, Resources] | None:
        """What to start now, and what it occupies."""
        if self._stop.is_wanted:
            return None
        plan = self._again.popleft() if self._again else self._source.next()
        if plan is None:
            return None
        self._open.add(plan.id)
        return plan, self._demand(plan) or self._job.first_demand(plan)

    def started(self, plan: TrialPlan) -> None:
        self._clocks[plan.id] = Clock(self._job.limits)
        self._listener.started(plan)

    def epoch(self, plan: TrialPlan, metrics: dict[str, float], is_pruned: bool) -> None:
        self._clocks[plan.id].epoch(metrics["epoch_seconds"])
        self._listener.epoch(plan, metrics, is_pruned)

    def ended(
        self,
        plan: TrialPlan,
        state: State,
        result: Raw | None = None,
        error: str | None = None,
        cause: Cause | None = None,
    ) -> None:
        self._open.discard(plan.id)
        self._clocks.pop(plan.id, None)
        self._listener.ended(plan, state, result, error, cause)
        if self._same.ended(cause, error):
            self._stop.give_up(f"the first trials all fail with the same error:\n\n{error}")

    def failed(self, plan: TrialPlan, cause: Cause, error: str, node: str | None) -> None:
        """A worker told what went wrong, and lives."""
        if cause.is_memory or cause is Cause.STORAGE:
            self._lost(plan, cause, error, node)
        else:
            self.ended(plan, State.FAILED, None, error, cause)

    def died(self, plan: TrialPlan, cause: Cause, error: str, node: str | None) -> None:
        """A worker is gone; that of a trial whose time is up ended itself."""
        clock = self._clocks.pop(plan.id, None)
        limit = clock.cause if clock is not None and cause is Cause.CRASHED else None
        if limit is not None:
            stack = stack_in(Path(self._job.kept.trials) / plan.id)
            cause, error = limit, f"{stack}\n{self._limit(limit)}"
        self._lost(plan, cause, error, node)

    def _lost(self, plan: TrialPlan, cause: Cause, error: str, node: str | None) -> None:
        losses = self._losses[plan.id] = self._listener.lost(plan, cause, error, node)
        if cause is Cause.STORAGE:
            where = f"{self._job.kept.trials}/{plan.id}"
            self._stop.fail(StorageError(where, "write it", last_line(error)))
        elif self._demand(plan) is None:
            self.ended(plan, State.OUT_OF_MEMORY, None, error, cause)
        elif cause is Cause.TIMEOUT or not may_try_again(losses, self._job.retries):
            self.ended(plan, State.FAILED, None, error, cause)
        else:
            self._again.append(plan)

    def _demand(self, plan: TrialPlan) -> Resources | None:
        first = self._job.first_demand(plan)
        causes = [loss.cause for loss in self._losses.get(plan.id, ()) if loss.cause.is_memory]
        return demand(first, causes, self._roomiest(first)) if causes else first

    def _limit(self, cause: Cause) -> str:
        limits = self._job.limits
        if cause is Cause.TIMEOUT:
            return f"timeout: the training takes longer than limits.hours = {limits.hours:g}"
        return f"stalled: no epoch within limits.stall_minutes = {limits.stall_minutes:g}"

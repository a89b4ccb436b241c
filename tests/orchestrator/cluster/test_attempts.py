"""Trials that lose their workers, without a cluster."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.causes import Cause
from orchestrator.cluster.attempts import Attempts, Job
from orchestrator.engine.errors import StorageError
from orchestrator.interruption import Stop
from orchestrator.records import State, StudyLog, TrialPlan
from orchestrator.search.scheduler_spec import NoScheduler
from orchestrator.spec import Limits, Resources
from orchestrator.storage.worker import Kept
from tests.orchestrator.made_up import TOP1, make_plan

NODE = Resources(cpu=8, gpu=1)
EPOCH = {"epoch": 0, "val/top1": 50.0, "epoch_seconds": 1.0}


class Listed:
    """A source of these trials."""

    is_waiting = False

    def __init__(self, *names: str) -> None:
        self._plans = deque(make_plan(name) for name in names)
        self.total = len(names)

    @property
    def num_left(self) -> int:
        return len(self._plans)

    def next(self) -> TrialPlan | None:
        return self._plans.popleft() if self._plans else None


class Logged:
    """A listener that writes the log alone."""

    def __init__(self, path: Path) -> None:
        self.log = StudyLog(path / "events.jsonl").open()

    def started(self, plan):
        self.log.plan(plan)
        self.log.start(plan.id)

    def epoch(self, plan, metrics, is_pruned):
        self.log.epoch(plan.id, metrics, is_pruned)

    def lost(self, plan, cause, detail, node):
        self.log.lose(plan.id, cause, detail, node)
        return self.log.records[plan.id].losses

    def ended(self, plan, state, result, error, cause):
        self.log.end(plan.id, state, result, error, cause)


@pytest.fixture
def listener(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(
        objective=TOP1,
        resources=Resources(cpu=1, gpu=0.5),
        scheduler=NoScheduler(name="none"),
        retries=1,
        limits=Limits(),
        stop_after_same_errors=2,
        max_concurrent=None,
        kept=Kept(str(tmp_path), str(tmp_path)),
        scratch=tmp_path,
        device="cpu",
    )


def attempts_at(job: Job, listener: Logged, *names: str) -> Attempts:
    known = list(listener.log.records.values())
    return Attempts(Listed(*names), listener, job, known, Stop(), lambda needed: NODE)


def begin(attempts: Attempts) -> tuple[TrialPlan, Resources]:
    plan, resources = attempts.next()
    attempts.started(plan)
    return plan, resources


def test_a_trial_that_lost_its_worker_comes_back_before_new_ones(job: Job, listener: Logged):
    attempts = attempts_at(job, listener, "a", "b")
    plan, _ = begin(attempts)

    attempts.died(plan, Cause.LOST_NODE, "the node is gone", "node 7")

    assert [attempts.next()[0].id for _ in range(2)] == ["a", "b"]
    assert listener.log.records["a"].losses[0].cause is Cause.LOST_NODE


def test_while_a_trial_runs_nothing_is_over_for_it_may_come_back(job: Job, listener: Logged):
    attempts = attempts_at(job, listener, "a")
    plan, _ = begin(attempts)

    assert (attempts.next(), attempts.is_over, attempts.num_left) == (None, False, 1)

    attempts.ended(plan, State.COMPLETE)

    assert (attempts.next(), attempts.is_over, attempts.num_left) == (None, True, 0)


def test_a_trial_that_crashes_more_often_than_it_may_has_failed(job: Job, listener: Logged):
    attempts = attempts_at(job, listener, "a")
    for _ in range(2):
        plan, _ = begin(attempts)
        attempts.died(plan, Cause.CRASHED, "exit code 139", None)

    record = listener.log.records["a"]
    assert (record.state, record.cause, record.error) == (
        State.FAILED,
        Cause.CRASHED,
        "exit code 139",
    )
    assert attempts.next() is None


def test_crashes_before_a_restart_of_the_driver_count(job: Job, listener: Logged):
    attempts = attempts_at(job, listener, "a")
    attempts.died(begin(attempts)[0], Cause.CRASHED, "", None)

    again = attempts_at(job, listener, "a")
    again.died(begin(again)[0], Cause.CRASHED, "", None)

    assert listener.log.records["a"].state is State.FAILED


def test_out_of_memory_is_tried_again_with_more_and_failing_alone_it_is_told(
    job: Job, listener: Logged
):
    attempts = attempts_at(job, listener, "a")
    shares = []
    for _ in range(2):
        plan, resources = begin(attempts)
        shares.append(resources.gpu)
        attempts.failed(plan, Cause.OUT_OF_MEMORY, "the peak was 22000 MiB", None)

    record = listener.log.records["a"]
    assert shares == [0.5, 1.0]
    assert (record.state, record.error) == (State.OUT_OF_MEMORY, "the peak was 22000 MiB")


def test_an_error_of_the_code_is_not_tried_again(job: Job, listener: Logged):
    attempts = attempts_at(job, listener, "a")

    attempts.failed(begin(attempts)[0], Cause.USER_ERROR, "ValueError: no", None)

    assert listener.log.records["a"].state is State.FAILED
    assert attempts.is_over


def test_the_same_error_in_the_first_trials_ends_the_study(job: Job, listener: Logged):
    attempts = attempts_at(job, listener, "a", "b", "c")

    for _ in range(2):
        attempts.failed(begin(attempts)[0], Cause.USER_ERROR, "ValueError: 3", None)

    assert attempts.next() is None
    assert attempts.is_over
    assert "ValueError: 3" in attempts._stop.reason


def test_a_folder_that_takes_no_writes_stops_the_study_and_leaves_the_trial_open(
    job: Job, listener: Logged
):
    attempts = attempts_at(job, listener, "a", "b")
    error = "Traceback\nOSError: [Errno 28] No space left on device"

    attempts.failed(begin(attempts)[0], Cause.STORAGE, error, None)

    assert attempts.next() is None
    assert isinstance(attempts._stop.error, StorageError)
    assert "No space left" in str(attempts._stop.error)
    assert not listener.log.records["a"].state.is_final


@pytest.mark.parametrize(
    ("limits", "cause", "state"),
    [
        (Limits(stall_minutes=1e-9), Cause.STALLED, State.WAITING),
        (Limits(hours=1e-9), Cause.TIMEOUT, State.FAILED),
        (Limits(), Cause.CRASHED, State.WAITING),
    ],
)
def test_a_worker_that_ended_itself_at_a_limit_is_told_from_a_crash(
    job: Job, listener: Logged, limits: Limits, cause: Cause, state: State
):
    attempts = attempts_at(replace(job, limits=limits), listener, "a")

    attempts.died(begin(attempts)[0], Cause.CRASHED, "exit code 1", None)

    record = listener.log.records["a"]
    assert (record.losses[0].cause, record.state) == (cause, state)

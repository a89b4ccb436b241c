"""Limits by a clock that does not jump, and a watch that strikes in native code."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.causes import Cause
from orchestrator.cluster.limits import Clock, stack_in, watched
from orchestrator.spec import Limits


class Hands:
    """A monotonic clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(monkeypatch)


def test_an_epoch_may_take_as_long_as_the_stall_limit(hands: Hands):
    clock = Clock(Limits(stall_minutes=2))

    hands.now += 119
    assert clock.cause is None
    hands.now += 1
    assert clock.cause is Cause.STALLED
    clock.epoch(120)
    assert clock.cause is None


def test_the_hours_of_all_attempts_are_added_up(hands: Hands):
    clock = Clock(Limits(hours=1, stall_minutes=None))
    clock.epoch(1800)
    clock.epoch(1700)

    assert clock.seconds_left == pytest.approx(100)
    hands.now += 100
    assert clock.cause is Cause.TIMEOUT


def test_the_nearer_limit_is_the_one_that_counts(hands: Hands):
    clock = Clock(Limits(hours=1, stall_minutes=10))

    assert clock.seconds_left == 600
    clock.epoch(3500)
    assert clock.seconds_left == 100


def test_without_limits_there_is_no_end(hands: Hands):
    clock = Clock(Limits(stall_minutes=None))

    hands.now += 10**9

    assert (clock.seconds_left, clock.cause) == (None, None)


def test_a_jump_of_the_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    clock = Clock(Limits(hours=1, stall_minutes=1))

    monkeypatch.setattr(time, "time", lambda: 4e9)

    assert clock.cause is None
    assert clock.seconds_left == pytest.approx(60)


HANG = """
import re, sys
from pathlib import Path
from orchestrator.cluster.limits import watched

def native_code_that_never_returns():
    re.match(r"(a+)+$", "a" * 40 + "b")

with watched(0.5, Path(sys.argv[1])):
    native_code_that_never_returns()
"""


def test_what_hangs_in_native_code_is_ended_and_leaves_its_stack(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", HANG, tmp_path], timeout=60, check=False)

    assert done.returncode == 1
    assert "native_code_that_never_returns" in stack_in(tmp_path)


def test_what_is_done_in_time_leaves_an_empty_stack(tmp_path: Path):
    with watched(60, tmp_path / "trial"):
        pass

    assert stack_in(tmp_path / "trial") == ""
    assert stack_in(tmp_path / "nowhere") == ""

from pathlib import Path

import pytest

from orchestrator.causes import Cause
from orchestrator.home import StudyFolder
from orchestrator.recorder import Recorder
from orchestrator.records import Role, State, StudyLog
from orchestrator.view import View, plain_console
from tests.orchestrator.made_up import TOP1, make_plan


class Shown:
    """A tracker that keeps the states it was told."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}

    def sync(self, record, artifacts=()) -> None:
        self.states[record.plan.id] = record.state


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    folder = StudyFolder(tmp_path)
    log, view = StudyLog(folder.log).open(), View(plain_console(), TOP1)
    return Recorder(folder, TOP1, log, Shown(), view, Role.CELL, 2)


def test_what_is_running_is_interrupted_counted_and_shown(recorder: Recorder):
    for trial in ("running", "waiting"):
        recorder.log.plan(make_plan(trial))
    recorder.log.start("running")

    assert recorder.interrupt() == 1

    assert recorder.log.records["running"].state is State.INTERRUPTED
    assert recorder.tracker.states == {"running": State.INTERRUPTED}


def test_a_trial_that_waits_for_its_next_attempt_is_interrupted_as_well(recorder: Recorder):
    plan = make_plan("lost")
    recorder.log.plan(plan)
    recorder.started(plan)

    losses = recorder.lost(plan, Cause.LOST_NODE, "gone", None)

    assert [loss.cause for loss in losses] == [Cause.LOST_NODE]
    assert recorder.interrupt() == 1
    assert recorder.tracker.states == {"lost": State.INTERRUPTED}


def test_trials_that_were_interrupted_before_do_not_count_again(recorder: Recorder):
    recorder.log.plan(make_plan("given up"))
    recorder.log.start("given up")
    recorder.interrupt()

    assert recorder.interrupt() == 0

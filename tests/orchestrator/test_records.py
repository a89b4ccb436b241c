import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.causes import Cause, Loss
from orchestrator.engine.errors import StorageError
from orchestrator.records import Role, State, StudyLog, TrialRecord
from tests.orchestrator.made_up import make_plan, make_record

FIRST = make_plan("a", name="trial 000", params={"k": [3, 5], "lr": 1e-3, "é": None})
SECOND = make_plan("b", Role.CELL, variant="rdl=off", seed=3)


def fill(path: Path) -> StudyLog:
    log = StudyLog(path).open()
    log.plan(FIRST)
    log.start("a")
    log.plan(SECOND)
    log.epoch("a", {"epoch": 0, "val/top1": 40.0, "epoch_seconds": 2.0})
    log.start("b")
    log.epoch("a", {"epoch": 1, "val/top1": 30.0, "epoch_seconds": 3.0})
    log.end("a", State.COMPLETE, {"num_params": 7})
    log.end("b", State.FAILED, error="line one\nline two\u2028three")
    return log


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("log") / "events.jsonl").journal.path


def test_what_was_logged_is_read_again(whole: Path, tmp_path: Path):
    written = fill(tmp_path / "events.jsonl").records

    records = StudyLog(tmp_path / "events.jsonl").records

    assert records == written
    assert list(records) == ["a", "b"]
    assert records["a"].plan == FIRST
    assert records["a"].plan.role is Role.SEARCH
    assert (records["a"].state, records["a"].result) == (State.COMPLETE, {"num_params": 7})
    assert (records["b"].state, records["b"].error) == (
        State.FAILED,
        "line one\nline two\u2028three",
    )


def test_each_event_is_in_the_file_before_its_call_returns(tmp_path: Path):
    log, counts = StudyLog(tmp_path / "deep" / "events.jsonl").open(), []

    for step in (lambda: log.plan(FIRST), lambda: log.start("a"), lambda: log.plan(FIRST)):
        step()
        counts.append(len(log.journal.path.read_bytes().splitlines()))

    assert counts == [1, 2, 2]


def test_epochs_that_are_told_again_are_not_logged_again(tmp_path: Path):
    log = StudyLog(tmp_path / "events.jsonl").open()
    log.plan(FIRST)

    told = [log.epoch("a", {"epoch": epoch, "val/top1": 1.0}) for epoch in (0, 1, 0, 1, 2)]

    assert told == [True, True, False, False, True]
    assert [metrics["epoch"] for metrics in log.records["a"].epochs] == [0, 1, 2]


def test_a_trial_that_starts_again_keeps_its_first_start_and_is_running(tmp_path: Path):
    log = StudyLog(tmp_path / "events.jsonl").open()
    record = log.plan(FIRST)
    log.start("a")
    started = record.started
    log.end("a", State.INTERRUPTED)

    log.start("a")

    assert record.state is State.RUNNING
    assert record.started == started


def test_the_verdict_of_the_scheduler_is_part_of_the_epoch(tmp_path: Path):
    log = StudyLog(tmp_path / "events.jsonl").open()
    log.plan(FIRST)
    log.start("a")

    log.epoch("a", {"epoch": 0, "val/top1": 1.0}, is_pruned=True)

    assert StudyLog(log.journal.path).records["a"].state is State.PRUNED


def test_a_lost_trial_waits_with_its_epochs_and_remembers_its_losses(tmp_path: Path):
    log = StudyLog(tmp_path / "events.jsonl").open()
    log.plan(FIRST)
    log.start("a")
    log.epoch("a", {"epoch": 0, "val/top1": 1.0})

    log.lose("a", Cause.PREEMPTED, "taken away", "node 3")

    record = StudyLog(log.journal.path).records["a"]
    assert (record.state, record.is_under_way) == (State.WAITING, True)
    assert record.losses == [Loss(Cause.PREEMPTED, epochs=1)]


def test_a_trial_that_is_opened_again_has_a_clean_record(tmp_path: Path):
    log = StudyLog(tmp_path / "events.jsonl").open()
    log.plan(FIRST)
    log.lose("a", Cause.CRASHED, "exit code 1", None)
    log.end("a", State.FAILED, error="exit code 1", cause=Cause.CRASHED)

    log.reopen("a")

    record = log.records["a"]
    assert (record.state, record.cause, record.losses) == (State.WAITING, None, [])


class FullDisk:
    """A file that takes `room` bytes and no more."""

    def __init__(self, file, room: int) -> None:
        self._file, self._room = file, room

    def write(self, line: bytes) -> int:
        taken, self._room = line[: self._room], max(0, self._room - len(line))
        return self._file.write(taken)

    def __getattr__(self, name: str):
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [0, 40])
def test_where_the_disk_is_full_the_path_is_told_and_the_log_stays_whole(tmp_path: Path, room: int):
    log = StudyLog(tmp_path / "events.jsonl").open()
    log.plan(FIRST)
    log.journal._file = FullDisk(log.journal._file, room)

    for step in (lambda: log.start("a"), lambda: log.end("a", State.INTERRUPTED)):
        with pytest.raises(StorageError, match=r"events\.jsonl: cannot .*: No space left"):
            step()

    assert log.records["a"].state is State.WAITING
    again = StudyLog(log.journal.path).open()
    again.start("a")
    assert StudyLog(log.journal.path).records["a"].state is State.RUNNING


def test_records_can_be_asked_for_by_role(whole: Path):
    log = StudyLog(whole)

    assert [record.plan.id for record in log.of_role(Role.CELL)] == ["b"]
    assert [record.plan.id for record in log.of_role(Role.CELL, Role.SEARCH)] == ["a", "b"]


def test_a_line_torn_by_a_crash_is_passed_over_and_cut_off_before_the_next(tmp_path: Path):
    log = fill(tmp_path / "events.jsonl")
    before = log.journal.path.read_bytes()
    log.journal.path.write_bytes(before + b'{"event": "started", "tri')

    torn = StudyLog(log.journal)
    torn.open().start("b")

    assert torn.records.keys() == {"a", "b"}
    lines = log.journal.path.read_bytes().removeprefix(before).splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["started"]
    assert StudyLog(log.journal).records["b"].state is State.RUNNING


def test_reading_changes_nothing_in_a_torn_file(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "pla')

    StudyLog(path)

    assert path.read_bytes() == b'{"event": "pla'


@pytest.mark.parametrize(
    "damage",
    [b'{"event": "sta', b"\x00" * 30, b"\xff\xfe\xff", b'"\xc3"', b""],
    ids=["torn", "zeros", "no text", "broken letter", "empty"],
)
def test_a_damaged_line_in_the_middle_is_named(whole: Path, tmp_path: Path, damage):
    lines = whole.read_bytes().splitlines()
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join([*lines[:2], damage, *lines[2:]]) + b"\n")

    with pytest.raises(ValueError, match=r"events\.jsonl, line 3"):
        StudyLog(path)


@pytest.mark.parametrize("line", [b"null", b"{}", b'{"event": "started", "trial": "z"}'])
def test_a_line_that_is_no_event_is_named(whole: Path, tmp_path: Path, line):
    lines = whole.read_bytes().splitlines()
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]) + b"\n")

    with pytest.raises(ValueError, match=r"events\.jsonl, line 3"):
        StudyLog(path)


@settings(deadline=None)
@given(share=st.floats(0, 1))
def test_a_log_cut_at_any_byte_is_a_readable_prefix(whole: Path, tmp_path_factory, share):
    content, events = whole.read_bytes(), list(StudyLog(whole).events())
    path = tmp_path_factory.mktemp("cut") / "events.jsonl"
    path.write_bytes(content[: round(share * len(content))])

    read = list(StudyLog(path).events())
    log = StudyLog(path).open()
    log.plan(make_plan("new"))

    assert read == events[: len(read)]
    assert len(read) == path.read_bytes().count(b"\n") - 1
    assert "new" in StudyLog(path).records


def test_there_are_no_events_without_a_file(tmp_path: Path):
    assert StudyLog(tmp_path / "nowhere.jsonl").records == {}


def test_a_figure_that_is_not_finite_is_refused_and_leaves_the_log_whole(tmp_path: Path):
    log = StudyLog(tmp_path / "events.jsonl").open()
    log.plan(FIRST)

    with pytest.raises(ValueError, match="JSON"):
        log.epoch("a", {"epoch": 0, "val/loss": float("nan")})

    assert StudyLog(log.journal).records["a"].epochs == log.records["a"].epochs == []


def test_a_record_knows_its_best_epoch_and_its_seconds(whole: Path):
    record = StudyLog(whole).records["a"]

    assert record.best("val/top1", "max") == 40.0
    assert record.best("val/top1", "min") == 30.0
    assert record.best("test/top1", "max") is None
    assert record.seconds == 5.0


def test_a_best_value_of_zero_is_a_value():
    assert make_record(FIRST, [0.0]).best("val/top1", "max") == 0.0


@pytest.mark.parametrize("state", State)
def test_a_state_is_final_if_no_later_run_takes_the_trial_up(state):
    open_states = {State.WAITING, State.RUNNING, State.INTERRUPTED}

    assert state.is_final == (state not in open_states)
    assert TrialRecord(FIRST, state).state is state

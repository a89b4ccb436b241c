from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path

import pytest

from orchestrator.engine.errors import StorageError
from orchestrator.records import State, StudyLog
from orchestrator.storage import journal as journals
from orchestrator.storage.errors import LeaseLostError
from orchestrator.storage.journal import LocalJournal, ObjectJournal
from orchestrator.storage.place import Place
from tests.orchestrator.made_up import make_plan


def lines_of(journal: LocalJournal | ObjectJournal) -> list[bytes]:
    return [line for _, line in journal.lines()]


def opened(place: Place) -> ObjectJournal:
    journal = ObjectJournal(place)
    journal.open()
    return journal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds; they pass when a test says so."""
    now = [100.0]
    monkeypatch.setattr(journals.time, "monotonic", lambda: now[0])
    return now


def test_a_line_that_must_not_be_lost_is_there_when_its_call_returns(place: Place):
    opened(place).append(b"one\n", at_once=True)

    assert lines_of(ObjectJournal(place)) == [b"one"]


def test_lines_that_may_wait_do_so_for_a_second(place: Place, clock: list[float]):
    journal = opened(place)
    journal.append(b"first\n", at_once=True)

    journal.append(b"waits\n", at_once=False)
    before = lines_of(journal)
    clock[0] += journals.SECONDS_BETWEEN_PUTS
    journal.settle()

    assert before == [b"first"]
    assert lines_of(journal) == [b"first", b"waits"]


def test_a_line_that_must_not_be_lost_takes_those_before_it_along(place: Place, clock):
    journal = opened(place)
    journal.append(b"first\n", at_once=True)
    for line, at_once in ((b"waits\n", False), (b"ended\n", True)):
        journal.append(line, at_once)

    assert lines_of(ObjectJournal(place)) == [b"first", b"waits", b"ended"]


def test_closing_puts_what_waits(place: Place, clock: list[float]):
    journal = opened(place)
    journal.append(b"first\n", at_once=True)
    journal.append(b"waits\n", at_once=False)

    journal.close()

    assert lines_of(journal) == [b"first", b"waits"]


def test_segments_are_sealed_and_read_in_the_order_of_their_numbers(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(journals, "SEALED_BYTES", 4)
    journal, said = opened(place), [f"{number:04d}".encode() for number in range(12)]

    for line in said:
        journal.append(line + b"\n", at_once=True)

    assert len(place.names()) == 12
    assert lines_of(journal) == said


def test_every_driver_begins_a_segment_of_its_own(place: Place):
    opened(place).append(b"first\n", at_once=True)
    opened(place).append(b"second\n", at_once=True)

    assert place.names() == ["00000000.jsonl", "00000001.jsonl"]
    assert lines_of(ObjectJournal(place)) == [b"first", b"second"]


def test_of_two_that_write_to_one_place_the_later_is_stopped(place: Place):
    first, second = opened(place), opened(place)
    first.append(b"mine\n", at_once=True)

    with pytest.raises(LeaseLostError):
        second.append(b"not mine\n", at_once=True)

    assert lines_of(ObjectJournal(place)) == [b"mine"]


def test_nothing_is_written_behind_a_fence(place: Place):
    def fence() -> None:
        raise LeaseLostError("taken over")

    journal = ObjectJournal(place, fence)
    journal.open()
    with pytest.raises(LeaseLostError):
        journal.append(b"late\n", at_once=True)

    assert place.names() == []


def test_a_line_that_could_not_be_put_is_not_put_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    journal = opened(place)
    journal.append(b"first\n", at_once=True)
    with monkeypatch.context() as away:
        away.setattr(Place, "write", unreachable)
        with pytest.raises(StorageError):
            journal.append(b"refused\n", at_once=True)
    journal.append(b"third\n", at_once=True)

    assert lines_of(journal) == [b"first", b"third"]


def unreachable(place: Place, content: bytes) -> None:
    raise StorageError(place, "write it", "timed out")


def test_a_crash_loses_epochs_of_the_last_second_that_the_trial_tells_again(
    place: Place, clock: list[float]
):
    """The log is left as a killed driver leaves it: nothing is closed."""
    log = StudyLog(ObjectJournal(place)).open()
    log.plan(make_plan("a"))
    log.start("a")
    told = [log.epoch("a", {"epoch": epoch, "val/top1": 1.0}) for epoch in (0, 1)]

    again = StudyLog(ObjectJournal(place)).open()
    retold = [again.epoch("a", {"epoch": epoch, "val/top1": 1.0}) for epoch in (0, 1)]
    again.end("a", State.COMPLETE)

    assert told == retold == [True, True]
    record = StudyLog(ObjectJournal(place)).records["a"]
    assert ([epoch["epoch"] for epoch in record.epochs], record.state) == ([0, 1], State.COMPLETE)


def test_a_damaged_line_is_named_with_its_segment(place: Place):
    (place / "00000003.jsonl").write(b'{"event": "pla\n')

    with pytest.raises(ValueError, match=r"00000003\.jsonl, line 1"):
        StudyLog(ObjectJournal(place))


def write_until_the_limit(path: Path, limit: int) -> None:
    """In a process whose files cannot grow beyond a limit, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    log = StudyLog(path).open()
    try:
        for number in range(1000):
            log.plan(make_plan(f"trial {number}"))
    except StorageError:
        os._exit(len(log.records))


def test_a_full_disk_leaves_a_readable_log_that_goes_on_when_there_is_room(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    child = os.fork()
    if child == 0:
        write_until_the_limit(path, 2000)
        os._exit(0)
    num_written = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert num_written > 1
    assert path.read_bytes().count(b"\n") == len(StudyLog(path).records) == num_written
    StudyLog(path).open().plan(make_plan("later"))
    assert "later" in StudyLog(path).records


def test_the_log_goes_on_in_the_same_process_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    journal = LocalJournal(tmp_path / "events.jsonl")
    journal.open()
    journal.append(b"first\n", at_once=True)
    with monkeypatch.context() as full:
        full.setattr(journals.os, "fsync", no_space)
        with pytest.raises(StorageError, match="free some space"):
            journal.append(b"refused\n", at_once=True)
    journal.append(b"third\n", at_once=True)

    assert lines_of(journal) == [b"first", b"third"]


def no_space(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_events_are_kept_as_json_lines(place: Place):
    log = StudyLog(ObjectJournal(place)).open()
    log.plan(make_plan("a"))
    log.close()

    (line,) = place.contents(place.names())[0].splitlines()
    assert json.loads(line)["trial"] == "a"

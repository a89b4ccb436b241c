"""Logs that were damaged by something else than a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.damage import DamagedLine, DamagedLogError, damaged_lines, drop_damaged
from orchestrator.records import State, StudyLog
from orchestrator.storage.journal import LocalJournal, ObjectJournal
from orchestrator.storage.place import Place
from tests.orchestrator.made_up import make_plan

EPOCHS = 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Lines 1-6 are of trial a, 7-12 of trial b: planned, started, three epochs, ended."""
    path = tmp_path / "events.jsonl"
    log = StudyLog(path).open()
    for trial in "ab":
        log.plan(make_plan(trial))
        log.start(trial)
        for epoch in range(EPOCHS):
            log.epoch(trial, {"epoch": epoch, "val/top1": 50.0})
        log.end(trial, State.COMPLETE, {})
    log.close()
    return path


def damaged(path: Path) -> list[DamagedLine]:
    return damaged_lines(LocalJournal(path))


def numbers(path: Path) -> list[int]:
    return [int(line.where.rpartition(" ")[2]) for line in damaged(path)]


def drop(path: Path) -> Path:
    (kept,) = drop_damaged(LocalJournal(path), damaged(path))
    return Path(kept)


def spoil(path: Path, number: int, content: bytes = b"\x00\xff\n") -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = content
    path.write_bytes(b"".join(lines))


def test_a_whole_log_and_a_torn_end_are_no_damage(path: Path):
    assert damaged(path) == []

    path.write_bytes(path.read_bytes() + b'{"event": "pla')

    assert damaged(path) == []
    assert damaged(path.with_name("none.jsonl")) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{'event'}\n", "not JSON"),
        (b"\x00\xff\n", "not"),
        (b"7\n", "no trial event"),
        (b'{"event": "ended", "trial": "a", "state": "gone", "time": 1}\n', "no trial event"),
        (b'{"event": "started", "trial": "z", "time": 1}\n', "z has not been planned"),
    ],
)
def test_a_damaged_line_is_named_with_its_number_and_why(path: Path, content: bytes, reason: str):
    spoil(path, 12, content)

    (found,) = damaged(path)

    assert found.where == f"{path}, line 12"
    assert reason in found.reason


def test_what_hangs_on_a_damaged_line_is_named_with_it(path: Path):
    spoil(path, 7)

    assert numbers(path) == [7, 8, 9, 10, 11, 12]


def test_after_a_lost_epoch_the_later_ones_are_not_believed(path: Path):
    spoil(path, 4)

    assert numbers(path) == [4, 5]


def test_a_trial_that_lacks_epochs_is_not_complete(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    log, plan = StudyLog(path).open(), make_plan("a")
    plan.config["epochs"] = EPOCHS
    log.plan(plan)
    log.epoch("a", {"epoch": 0, "val/top1": 50.0})
    log.end("a", State.COMPLETE, {})

    assert numbers(path) == [3]


def test_the_log_without_its_damaged_lines_is_readable_and_the_other_is_kept(path: Path):
    spoil(path, 7)
    before = path.read_bytes()

    kept = drop(path)

    assert (kept.name, kept.read_bytes()) == ("events.jsonl.bad", before)
    assert list(StudyLog(path).records) == ["a"]
    assert path.read_bytes() == b"".join(before.splitlines(keepends=True)[:6])


def test_a_log_that_was_kept_before_is_not_overwritten(path: Path):
    spoil(path, 12)
    drop(path)
    spoil(path, 11)

    assert drop(path).name == "events.jsonl.bad2"


def test_many_damaged_lines_are_not_all_listed(path: Path):
    path.write_bytes(b"x\n" * 30)

    told = str(DamagedLogError(LocalJournal(path), damaged(path)))

    assert "30 damaged lines" in told
    assert "line 20:" in told
    assert "and 10 more" in told


def test_a_log_of_objects_is_mended_segment_by_segment(path: Path):
    place = Place("memory://damaged/events")
    for number, lines in enumerate((path.read_bytes(), b"x\n")):
        (place / f"{number:08d}.jsonl").write(lines)
    journal = ObjectJournal(place)

    (kept,) = drop_damaged(journal, damaged_lines(journal))

    assert Place(kept).read() == b"x\n"
    assert kept.endswith("00000001.jsonl.bad")
    assert damaged_lines(journal) == []
    assert (place / "00000000.jsonl").read() == path.read_bytes()

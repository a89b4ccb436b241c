from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.storage.following import Follower
from orchestrator.storage.journal import Journal, LocalJournal, ObjectJournal
from orchestrator.storage.place import Place


@pytest.fixture(params=["file", "objects"])
def two_ends(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Journal, Follower]:
    """A journal that is written, and the same one followed."""
    if request.param == "file":
        return LocalJournal(tmp_path / "log"), Follower(LocalJournal(tmp_path / "log"))
    place = Place(f"memory://{tmp_path.name}")
    return ObjectJournal(place), Follower(ObjectJournal(place))


def test_each_line_is_told_once(two_ends: tuple[Journal, Follower]):
    written, follower = two_ends
    told = [list(follower.new_lines())]

    written.open()
    for lines in (b"1\n2\n", b"3\n"):
        written.append(lines, at_once=True)
        told.append(list(follower.new_lines()))

    assert told == [[], [b"1", b"2"], [b"3"]]


def test_a_second_driver_s_lines_follow_the_first_one_s(two_ends: tuple[Journal, Follower]):
    written, follower = two_ends
    for line in (b"first\n", b"second\n"):
        written.open()
        written.append(line, at_once=True)
        written.close()

    assert list(follower.new_lines()) == [b"first", b"second"]
    assert list(follower.new_lines()) == []

"""A journal that another process appends to, read on from where we were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator.storage.journal import Journal, LocalJournal, ObjectJournal
from orchestrator.storage.place import Place


class Follower:
    """`new_lines` costs what is new: no part of a file, no closed segment is read twice."""

    def __init__(self, journal: Journal) -> None:
        assert isinstance(journal, LocalJournal | ObjectJournal)
        self._journal = journal
        self._segment, self._seen = "", 0

    def new_lines(self) -> Iterator[bytes]:
        """Whole lines that were not there before."""
        if isinstance(self._journal, LocalJournal):
            return self._of_file(self._journal.path)
        return self._of_place(self._journal.place)

    def _of_file(self, path: Path) -> Iterator[bytes]:
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._seen)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._seen += len(whole)
        yield from whole.splitlines()

    def _of_place(self, place: Place) -> Iterator[bytes]:
        segments = (name for name in place.names() if name.endswith(".jsonl"))
        names = [name for name in segments if name >= self._segment]
        for name, content in zip(names, place.contents(names), strict=True):
            seen = self._seen if name == self._segment else 0
            self._segment, self._seen = name, len(content)
            yield from content[seen:].splitlines()

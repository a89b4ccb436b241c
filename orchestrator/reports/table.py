"""Tables: what is in them, not how they look. Every format is written from these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

_NUMBER = re.compile(r"[+-]?\d|-$")


@dataclass(frozen=True)
class Link:
    """A word that leads to an address."""

    text: str
    url: str


@dataclass(frozen=True)
class Entry:
    """A cell's text; `marks` point to footnotes, `links` to runs where the format can show them."""

    text: str = ""
    is_bold: bool = False
    marks: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


class Align(StrEnum):
    """How the entries of a column stand."""

    LEFT = "left"
    """Words."""
    CENTER = "center"
    """Signs."""
    RIGHT = "right"
    """Numbers."""


@dataclass(frozen=True)
class Table:
    """Headings, rows and notes below them.

    `sections` has the headings that stand before rows, by the number of the row.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Entry, ...], ...]
    notes: tuple[str, ...] = ()
    sections: dict[int, str] = field(default_factory=dict)
    footnotes: dict[str, str] = field(default_factory=dict)

    @property
    def alignments(self) -> list[Align]:
        """By what is in the columns."""
        texts = zip(*([e.text for e in entries] for _, entries in self.entries()), strict=True)
        found = [_alignment([text for text in column if text]) for column in texts]
        return found or [Align.LEFT] * len(self.columns)

    def entries(self) -> Iterator[tuple[str | None, list[Entry]]]:
        """Each row, with the heading before it."""
        for number, row in enumerate(self.rows):
            cells = [cell if isinstance(cell, Entry) else Entry(cell) for cell in row]
            yield self.sections.get(number), cells


def _alignment(texts: list[str]) -> Align:
    if all(_NUMBER.match(text) for text in texts):
        return Align.RIGHT
    return Align.CENTER if all(len(text) <= 3 for text in texts) else Align.LEFT

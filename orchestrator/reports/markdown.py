"""Tables as Markdown (GitHub's)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.reports.table import Align, Entry, Table

_RULES = {Align.LEFT: "---", Align.CENTER: ":---:", Align.RIGHT: "---:"}


def as_markdown(tables: Iterable[Table]) -> str:
    return "\n".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    lines = [_line(map(_escaped, table.columns)), _line(_RULES[a] for a in table.alignments)]
    for heading, entries in table.entries():
        if heading is not None:
            lines.append(_line([f"**{_escaped(heading)}**", *[""] * (len(table.columns) - 1)]))
        lines.append(_line(map(_cell, entries)))
    footnotes = [f"<sup>{mark}</sup> {_escaped(text)}" for mark, text in table.footnotes.items()]
    notes = [f"\n{note}" for note in [*footnotes, *map(_escaped, table.notes)]]
    return "\n".join([f"**{_escaped(table.title)}**", "", *lines, *notes]) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(entry: Entry) -> str:
    text = _escaped(entry.text)
    bold = f"**{text}**" if entry.is_bold else text
    marks = f"<sup>{' '.join(entry.marks)}</sup>" if entry.marks else ""
    links = " ".join(f"[{_escaped(link.text)}]({link.url})" for link in entry.links)
    return f"{bold}{marks}" + (f" ({links})" if links else "")


def _escaped(text: str) -> str:
    """What would be taken for a column, HTML, emphasis or a link; a name_of_a_thing stays."""
    return re.sub(r"([\\|*`<\[])", r"\\\1", " ".join(text.split()))

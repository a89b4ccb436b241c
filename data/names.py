"""Tables of names that ship with the package, one name a line."""

from __future__ import annotations

from pathlib import Path


def read_names(file_name: str) -> tuple[str, ...]:
    """The lines of a text file beside this module, without its comments (#)."""
    text = Path(__file__).with_name(file_name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))

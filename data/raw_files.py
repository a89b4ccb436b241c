"""Finding a dataset's raw files and reading their names."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path


def list_raw_files(raw: Path, subfolder: str, pattern: str) -> list[Path]:
    """The files of `raw`, or of `raw/subfolder`, that match the glob, sorted by name.

    Raises ValueError if there is none.
    """
    for folder in (raw, raw / subfolder):
        files = sorted(folder.glob(pattern))
        if files:
            return files
    raise ValueError(f"no files {pattern} in {raw} or {raw / subfolder}")


def find_raw_files(raw: Path, pattern: str) -> list[Path]:
    """The files below `raw`, at any depth, that match the glob, sorted by file name.

    Raises ValueError if there is none, or if two have the same name.
    """
    files = sorted(raw.rglob(pattern), key=lambda path: path.name)
    if not files:
        raise ValueError(f"no files {pattern} below {raw}")
    for one, other in pairwise(files):
        if one.name == other.name:
            raise ValueError(f"file names must differ, got {one} and {other}")
    return files


def parse_name(path: Path, pattern: re.Pattern[str]) -> dict[str, int]:
    """The numbered groups of a file name; raises ValueError if the name has another form."""
    match = pattern.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path}: the file name must have the form {pattern.pattern}")
    return {key: int(value) for key, value in match.groupdict().items()}

"""Finding a dataset's raw files and reading their names."""

from __future__ import annotations

import re
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


def parse_name(path: Path, pattern: re.Pattern[str]) -> dict[str, int]:
    """The numbered groups of a file name; raises ValueError if the name has another form."""
    match = pattern.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path}: the file name must have the form {pattern.pattern}")
    return {key: int(value) for key, value in match.groupdict().items()}

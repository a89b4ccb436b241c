"""Text files of numbers, one row a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e30


def read_number_table(
    path: Path, num_columns: int, separator: str | None = None
) -> NDArray[np.float64]:
    """The rows of a file (rows, num_columns), blank lines aside; None separates by blanks.

    Raises ValueError, naming file and line, for a row of another length, for anything that is not a
    number, and for numbers that are not finite or near the limits of float32.
    """
    text = path.read_text(encoding="ascii", errors="replace")
    rows = [
        _parse_row(f"{path}, line {number}", line.split(separator), num_columns)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), num_columns)


def to_number(text: str) -> float:
    """As `float`, without the `_` that Python allows between digits."""
    if "_" in text:
        raise ValueError(f"could not convert string to float: {text!r}")
    return float(text)


def _parse_row(place: str, values: list[str], num_columns: int) -> list[float]:
    try:
        row = [to_number(value) for value in values]
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    if len(row) != num_columns:
        raise ValueError(f"{place}: must be {num_columns} numbers, got {len(row)}")
    for value in row:
        if not abs(value) < LARGEST:
            raise ValueError(f"{place}: numbers must be between -1e30 and 1e30, got {value}")
    return row

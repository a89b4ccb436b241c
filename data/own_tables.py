"""Clips of one's own tables, .csv with a header or Parquet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.dataset import FloatArray, IntArray
from data.own import OwnSkeleton, TableFiles

EMPTY = (
    *("", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "NaN", "nan", "-NaN", "-nan"),
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
"""What stands in a .csv file for a number that is not there."""

_Column = NDArray[Any]


def list_table_clips(
    files: TableFiles, fields: Mapping[str, str], path: Path, modified: int
) -> list[str | None]:
    """The clips of a file in the order of their first rows; None alone if it is one clip."""
    if files.clip is None:
        return [None]
    return list(_load(path, modified, files.clip, _text_columns(files, fields))[1])


def column_names(path: Path, modified: int) -> list[str]:
    return list(_load(path, modified, None, ())[0])


def read_table_clip(
    files: TableFiles,
    fields: Mapping[str, str],
    skeleton: OwnSkeleton,
    persons: int,
    path: Path,
    modified: int,
    clip: str | None,
) -> tuple[FloatArray, dict[str, Any]]:
    """One clip's skeleton (T, M, V, C) and what `fields` (field to column) say of it.

    Raises ValueError, naming the file, the row and the column, for what is not there, is not a
    number, or stands twice.
    """
    text = _text_columns(files, fields)
    columns, rows_of = _load(path, modified, files.clip, text)
    named = (*text, files.frame) if files.frame else text
    _check_columns(path, columns, (*named, *files.values))
    values = files.values or [name for name in columns if name not in named]
    width = skeleton.num_channels * (1 if files.joint else len(skeleton.names))
    if len(values) != width:
        raise ValueError(
            f"{path}: {width} columns of values are needed, got {len(values)}: {_listed(values)}"
        )
    table = _Rows(path, columns, rows_of[clip])
    with np.errstate(over="ignore"):  # what is not finite is refused later on
        numbers = np.stack([table.numbers(name) for name in values], axis=1).astype(np.float32)
    shape = (persons, len(skeleton.names), skeleton.num_channels)
    content = _fill(table.places(files, skeleton, persons), numbers, shape, table)
    return content, {name: table.single(column) for name, column in fields.items()}


class _Rows:
    """The rows of one clip."""

    def __init__(self, path: Path, columns: Mapping[str, _Column], rows: IntArray) -> None:
        self.path, self.rows = path, rows
        self._columns = columns

    def __getitem__(self, name: str) -> _Column:
        column: _Column = self._columns[name][self.rows]
        return column

    def told(self, place: int) -> str:
        """The file and the row, the header being row 1 and lines without content not counted."""
        return f"{self.path}, row {int(self.rows[place]) + 2}"

    def numbers(self, name: str) -> NDArray[np.float64]:
        """NaN for empty cells."""
        column = self[name]
        if column.dtype.kind in "fiu":
            return column.astype(np.float64)
        numbers = np.empty(len(column))
        for place, cell in enumerate(column):
            try:
                numbers[place] = _number(cell)
            except ValueError:
                raise ValueError(
                    f"{self.told(place)}: {name} must be a number, got {str(cell)!r}"
                ) from None
        return numbers

    def names(self, name: str) -> NDArray[np.str_]:
        column = self[name].astype(np.str_)
        self._check_filled(name, column == "")
        return column

    def single(self, name: str) -> Any:
        """The value that all rows have."""
        column = self[name].tolist()
        for place, value in enumerate(column):
            if value != column[0]:
                raise ValueError(
                    f"{self.told(place)}: {name} must be the same in all rows of a clip, "
                    f"got {value!r} after {column[0]!r}"
                )
        return column[0]

    def places(
        self, files: TableFiles, skeleton: OwnSkeleton, persons: int
    ) -> tuple[IntArray, ...]:
        """Each row's frame, person and, in tables of joints, joint."""
        frames = self._frames(files.frame)
        people = self._people(files.person, persons)
        if files.joint is None:
            return frames, people
        return frames, people, self._joints(files.joint, skeleton)

    def _frames(self, name: str | None) -> IntArray:
        if name is None:
            return np.arange(len(self.rows))
        numbers = self.numbers(name)
        self._check_filled(name, np.isnan(numbers))
        return np.unique(numbers, return_inverse=True)[1]

    def _people(self, name: str | None, persons: int) -> IntArray:
        """Persons in the order of their names, shorter ones first: 9 before 10."""
        if name is None:
            return np.zeros(len(self.rows), dtype=np.int64)
        known, people = np.unique(self.names(name), return_inverse=True)
        if len(known) > persons:
            raise ValueError(
                f"{self.told(0)}: {name}: a clip may have {persons} persons, got {_listed(known)}"
            )
        order = np.argsort(np.char.str_len(known), kind="stable")
        return np.argsort(order)[people]

    def _joints(self, name: str, skeleton: OwnSkeleton) -> IntArray:
        known, joints = np.unique(self.names(name), return_inverse=True)
        numbers = []
        for number, joint in enumerate(known.tolist()):
            is_number = joint not in skeleton.names and joint.isdecimal()
            try:
                numbers.append(skeleton.number(int(joint) if is_number else joint))
            except ValueError as error:
                place = int(np.flatnonzero(joints == number)[0])
                raise ValueError(f"{self.told(place)}: {name}: {error}") from None
        return np.array(numbers, dtype=np.int64)[joints]

    def _check_filled(self, name: str, empty: NDArray[np.bool_]) -> None:
        if empty.any():
            raise ValueError(f"{self.told(int(empty.argmax()))}: {name} is empty")


def _fill(
    places: tuple[IntArray, ...],
    numbers: FloatArray,
    shape: tuple[int, int, int],
    table: _Rows,
) -> FloatArray:
    """Rows put at their places of a skeleton of zeros; ValueError for a place with two rows."""
    num_frames = int(places[0].max()) + 1
    skeleton = np.zeros((num_frames, *shape), dtype=np.float32)
    flat = np.ravel_multi_index(places, skeleton.shape[: len(places)])
    first = np.unique(flat, return_index=True)[1]
    if len(first) < len(flat):
        place = int(np.setdiff1d(np.arange(len(flat)), first)[0])
        raise ValueError(f"{table.told(place)}: a second row of the same frame, person and joint")
    skeleton[places] = numbers.reshape(len(numbers), *skeleton.shape[len(places) :])
    return skeleton


def _text_columns(files: TableFiles, fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in (files.clip, files.person, files.joint, *fields.values()) if name)


@lru_cache(maxsize=1)
def _load(
    path: Path, modified: int, clip: str | None, text: tuple[str, ...]
) -> tuple[dict[str, _Column], dict[str | None, IntArray]]:
    """The columns of a file, read once until it is another, and the rows of each clip."""
    columns = _read_columns(path, text)
    _check_columns(path, columns, [clip] if clip else [])
    rows = np.arange(len(next(iter(columns.values()), ())))
    if len(rows) == 0:
        raise ValueError(f"{path}: has no rows")
    if clip is None:
        return columns, {None: rows}
    known, first, inverse = np.unique(
        _Rows(path, columns, rows).names(clip), return_index=True, return_inverse=True
    )
    by_clip = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    return columns, {str(known[number]): by_clip[number] for number in np.argsort(first)}


def _read_columns(path: Path, text: tuple[str, ...]) -> dict[str, _Column]:
    """Of numbers, if all cells are; of text, as it stands there, where `text` says so."""
    import pyarrow  # only tables need it
    from pyarrow import csv, parquet

    try:
        if path.suffix == ".csv":
            types = dict.fromkeys(text, pyarrow.string())
            options = csv.ConvertOptions(column_types=types, null_values=EMPTY)
            table = csv.read_csv(path, convert_options=options)
        else:
            table = parquet.read_table(path)
        names = table.column_names
        columns = {
            name: _text(column) if name in text else column.to_numpy()
            for name, column in zip(names, table.columns, strict=True)
        }
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: column names must differ, got {_listed(twice)} twice")
    return columns


def _text(column: Any) -> _Column:
    """An Arrow column as text, empty where it is empty; equal cells are one object."""
    encoded = column.cast("string").fill_null("").dictionary_encode().combine_chunks()
    known = np.array(encoded.dictionary.to_pylist(), dtype=object)
    cells: _Column = known[encoded.indices.to_numpy()]
    return cells


def _check_columns(path: Path, columns: Mapping[str, _Column], wanted: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in columns]:
        raise ValueError(
            f"{path}: there is no column {_listed(missing)}; columns: {_listed(list(columns))}"
        )


def _number(cell: Any) -> float:
    """NaN for an empty cell; ValueError for what a column of numbers could not hold."""
    text = "" if cell is None else str(cell).strip()
    if "_" in text:
        raise ValueError(text)
    return math.nan if text in EMPTY else float(text)


def _listed(names: Sequence[str] | NDArray[np.str_], most: int = 12) -> str:
    shown = ", ".join(map(str, names[:most]))
    return f"{shown}, ..." if len(names) > most else shown

"""Clips of one's own tables, .csv with a header or Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.dataset import FloatArray, IntArray
from data.own import OwnSkeleton, TableFiles

_Column = NDArray[Any]


def list_table_clips(files: TableFiles, path: Path, modified: int) -> list[str | None]:
    """The clips of a file in the order of their first rows; None alone if it is one clip."""
    if files.clip is None:
        return [None]
    return list(_load(path, modified, files.clip)[1])


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
    columns, rows_of = _load(path, modified, files.clip)
    rows = rows_of[clip]
    named = [files.clip, files.frame, files.person, files.joint, *fields.values()]
    _check_columns(path, columns, [name for name in (*named, *files.values) if name])
    values = files.values or [name for name in columns if name not in named]
    width = skeleton.num_channels * (1 if files.joint else len(skeleton.names))
    if len(values) != width:
        raise ValueError(
            f"{path}: {width} columns of values are needed, got {len(values)}: {_listed(values)}"
        )
    table = _Rows(path, columns, rows)
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
        """The file and the row as an editor counts lines, the header being line 1."""
        return f"{self.path}, row {int(self.rows[place]) + 2}"

    def numbers(self, name: str) -> NDArray[np.float64]:
        column = self[name]
        if column.dtype.kind in "fiu":
            return column.astype(np.float64)
        place = next((place for place, value in enumerate(column) if not _is_number(value)), 0)
        raise ValueError(f"{self.told(place)}: {name} must be a number, got {column[place]!r}")

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
        if np.isnan(numbers).any():
            place = int(np.flatnonzero(np.isnan(numbers))[0])
            raise ValueError(f"{self.told(place)}: {name} is empty")
        return np.unique(numbers, return_inverse=True)[1]

    def _people(self, name: str | None, persons: int) -> IntArray:
        if name is None:
            return np.zeros(len(self.rows), dtype=np.int64)
        column = self[name]
        named = column if column.dtype.kind in "iu" else column.astype(np.str_)
        known, people = np.unique(named, return_inverse=True)
        if len(known) > persons:
            raise ValueError(
                f"{self.told(0)}: {name}: a clip may have {persons} persons, got {_listed(known)}"
            )
        return np.asarray(people, dtype=np.int64)

    def _joints(self, name: str, skeleton: OwnSkeleton) -> IntArray:
        known, joints = np.unique(self[name].astype(np.str_), return_inverse=True)
        numbers = []
        for number, joint in enumerate(known.tolist()):
            try:
                numbers.append(skeleton.number(int(joint) if joint.isdecimal() else joint))
            except ValueError as error:
                place = int(np.flatnonzero(joints == number)[0])
                raise ValueError(f"{self.told(place)}: {name}: {error}") from None
        return np.array(numbers, dtype=np.int64)[joints]


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


@lru_cache(maxsize=1)
def _load(
    path: Path, modified: int, clip: str | None
) -> tuple[dict[str, _Column], dict[str | None, IntArray]]:
    """The columns of a file, read once until it is another, and the rows of each clip."""
    columns = _read_columns(path)
    _check_columns(path, columns, [clip] if clip else [])
    num_rows = len(next(iter(columns.values()), ()))
    if num_rows == 0:
        raise ValueError(f"{path}: has no rows")
    if clip is None:
        return columns, {None: np.arange(num_rows)}
    known, first, inverse = np.unique(
        columns[clip].astype(np.str_), return_index=True, return_inverse=True
    )
    by_clip = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    return columns, {str(known[number]): by_clip[number] for number in np.argsort(first)}


def _read_columns(path: Path) -> dict[str, _Column]:
    import pyarrow  # only tables need it
    from pyarrow import csv, parquet

    read = csv.read_csv if path.suffix == ".csv" else parquet.read_table
    try:
        table = read(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    names = table.column_names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: column names must differ, got {_listed(twice)} twice")
    return {name: column.to_numpy() for name, column in zip(names, table.columns, strict=True)}


def _check_columns(path: Path, columns: Mapping[str, _Column], wanted: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in columns]:
        raise ValueError(
            f"{path}: there is no column {_listed(missing)}; columns: {_listed(list(columns))}"
        )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _listed(names: Sequence[str] | NDArray[np.str_], most: int = 12) -> str:
    shown = ", ".join(map(str, names[:most]))
    return f"{shown}, ..." if len(names) > most else shown

"""The clips of one file of one's own data set, array or table alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.dataset import FloatArray
from data.own import OwnDataset
from data.own_arrays import list_array_clips, read_array_clip, without_padding
from data.own_tables import column_names, list_table_clips, read_table_clip

Place = int | str | None
"""Which clip of a file: its number, the value of its column, or None for the only one."""


def list_places(
    dataset: OwnDataset, keys: Mapping[str, str], path: Path, modified: int
) -> list[Any]:
    """The clips of a file of this time, see `Place`; `keys` as in `read_place`."""
    if dataset.arrays is not None:
        return list_array_clips(dataset.arrays, path)
    assert dataset.tables is not None
    return list_table_clips(dataset.tables, keys, path, modified)


def read_place(
    dataset: OwnDataset, keys: Mapping[str, str], path: Path, modified: int, place: Place
) -> tuple[FloatArray, dict[str, Any]]:
    """A clip's skeleton (T, M, V, C) and what `keys` (field to key or column) say of it."""
    if dataset.arrays is not None:
        assert not isinstance(place, str)
        skeleton, found = read_array_clip(dataset.arrays, keys, path, place)
    else:
        assert dataset.tables is not None
        assert not isinstance(place, int)
        skeleton, found = read_table_clip(
            dataset.tables, keys, dataset.skeleton, dataset.persons, path, modified, place
        )
    if dataset.absent == "nan":
        skeleton[np.isnan(skeleton).any(axis=-1)] = 0.0
    if dataset.arrays is not None and dataset.arrays.lengths is None:
        skeleton = without_padding(skeleton)
    return skeleton, found


def keys_there(dataset: OwnDataset, path: Path, modified: int) -> dict[str, str]:
    """Of the columns that tell fields of clips those that the table has: they are no values."""
    if dataset.tables is None:
        return {}
    columns = column_names(path, modified)
    return {field: name for field, name in dataset.clips.keys.items() if name in columns}

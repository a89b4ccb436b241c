"""Splits of data sets whose raw files state train and test, but no subjects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.dataset import ClipTable


def split_by_part(clips: ClipTable, *, test_part: str, every: int) -> NDArray[np.str_]:
    """`test_part` is test; of each class in the part `train`, every so many-th clip is val.

    The clips of a class are counted in the order of their names, so that val does not depend on
    the order of the files. Clips of no part are left out.
    """
    splits = np.full(len(clips.names), "", dtype="<U5")
    splits[clips.parts == test_part] = "test"
    in_train = clips.parts == "train"
    for label in np.unique(clips.labels[in_train]):
        members = np.flatnonzero(in_train & (clips.labels == label))
        members = members[np.argsort(clips.names[members])]
        splits[members] = "train"
        splits[members[every - 1 :: every]] = "val"
    return splits

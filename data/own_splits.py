"""The split rules of one's own data sets."""

from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
from numpy.typing import NDArray

from data.dataset import SPLITS, ClipTable, SplitRule
from data.own import OwnProtocol, Selection

_Mask = NDArray[np.bool_]


def split_rule(name: str, protocol: OwnProtocol) -> SplitRule:
    return partial(_split, name, protocol)


def _split(name: str, protocol: OwnProtocol, clips: ClipTable) -> NDArray[np.str_]:
    """The split of every clip; raises ValueError if train, val or test has no clip."""
    told = {protocol.test.split, protocol.val.split} != {None}
    free = (clips.parts != "") if told else np.full(len(clips.names), True)
    test = free & _selected(protocol.test, clips, free, protocol.seed)
    val = free & ~test & _selected(protocol.val, clips, free & ~test, protocol.seed)
    splits = np.select([test, val, free], ["test", "val", "train"], "")
    for split in SPLITS:
        if not (splits == split).any():
            raise ValueError(
                f"protocol {name}: no clip is {split}, with test: {_told(protocol.test)}; "
                f"val: {_told(protocol.val)}. There are {_present(clips)}"
            )
    return splits


def _selected(selection: Selection, clips: ClipTable, free: _Mask, seed: int) -> _Mask:
    if selection.share is not None:
        return _drawn(selection.share, clips, free, seed)
    if selection.split is not None:
        return np.asarray(clips.parts == selection.split)
    return np.asarray(
        np.isin(clips.subjects, selection.subjects)
        | np.isin(clips.cameras, selection.cameras)
        | np.isin(clips.setups, selection.setups)
    )


def _drawn(share: float, clips: ClipTable, free: _Mask, seed: int) -> _Mask:
    """Of every class the share of its free clips that comes first by a hash of seed and name."""
    drawn = np.full(len(free), False)
    for label in np.unique(clips.labels[free]):
        members = np.flatnonzero(free & (clips.labels == label))
        ranked = sorted(members, key=lambda clip: _hash(seed, str(clips.names[clip])))
        drawn[ranked[: int(share * len(members) + 0.5)]] = True
    return drawn


def _hash(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def _told(selection: Selection) -> str:
    given = {key: value for key, value in vars(selection).items() if value}
    return ", ".join(f"{key} {value}" for key, value in given.items())


def _present(clips: ClipTable) -> str:
    columns = ("subjects", "cameras", "setups", "parts")
    found = {column: np.unique(getattr(clips, column)).tolist() for column in columns}
    return ", ".join(f"{column} {values}" for column, values in found.items())

"""What a dataset is: its description, one clip of it, and where its clips come from.

Shapes: T frames, M persons, V joints, C channels; a clip's skeleton is (T, M, V, C), in metres
for the 3-D sets. A joint whose coordinates are all zero is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

SPLITS = ("train", "val", "test")


class ClipTable(NamedTuple):
    """What split rules know of n clips, (n,) each; the fields are those of `Clip`."""

    names: NDArray[np.str_]
    labels: IntArray
    subjects: IntArray
    cameras: IntArray
    setups: IntArray
    parts: NDArray[np.str_]


SplitRule = Callable[[ClipTable], NDArray[np.str_]]
"""The split of every clip, (n,); an empty name for a clip that the protocol leaves out."""


@dataclass(frozen=True)
class DatasetInfo:
    """Description of a dataset; raises ValueError unless the edges are a tree rooted at `centre`.

    `edges` are (child, parent), 0-based. `centre` is the root of the graph and `origin_joint` the
    joint that centring takes for the origin. With `has_score` the last channel is the confidence
    of a pose estimator, not a coordinate. `mirrored` are the (left, right) pairs of joints.
    """

    name: str
    classes: tuple[str, ...]
    num_channels: int
    num_joints: int
    num_persons: int
    edges: tuple[tuple[int, int], ...]
    centre: int
    protocols: tuple[str, ...]
    origin_joint: int = 0
    has_score: bool = False
    mirrored: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        children = sorted(child for child, _ in self.edges)
        expected = [joint for joint in range(self.num_joints) if joint != self.centre]
        parents_known = all(0 <= parent < self.num_joints for _, parent in self.edges)
        if children != expected or not parents_known or not self._reaches_centre():
            raise ValueError(
                f"{self.name}: edges must be a tree of (child, parent) over {self.num_joints} "
                f"joints rooted at centre={self.centre}, got {self.edges}"
            )
        if not 0 <= self.origin_joint < self.num_joints:
            raise ValueError(
                f"{self.name}: origin_joint must be in 0..{self.num_joints - 1}, "
                f"got {self.origin_joint}"
            )
        paired = [joint for pair in self.mirrored for joint in pair]
        if len(set(paired)) < len(paired) or not set(paired) <= set(range(self.num_joints)):
            raise ValueError(
                f"{self.name}: mirrored must be pairs of different joints in "
                f"0..{self.num_joints - 1}, each joint at most once, got {self.mirrored}"
            )

    def _reaches_centre(self) -> bool:
        parent_of = dict(self.edges)
        reached = {self.centre}
        for _ in range(self.num_joints):
            reached |= {child for child, parent in parent_of.items() if parent in reached}
        return len(reached) == self.num_joints


class Clip(NamedTuple):
    """One labelled sequence; `skeleton` is (T, M, V, C) float32, `label` 0-based.

    `subject`, `camera` and `setup` are the data set's own numbers, 0 where it has none. `part` is
    the split that the raw files themselves state, if they do.
    """

    name: str
    skeleton: FloatArray
    label: int
    subject: int = 0
    camera: int = 0
    setup: int = 0
    part: str = ""


class LeftOut(Exception):
    """Raised for a clip that a data set leaves out by rule, with the reason."""


class RawClip(NamedTuple):
    """A clip that is still to be read, by this process or another one.

    `load` can be pickled and says the same each time; it raises ValueError, naming file and line,
    for what is not such a clip, and LeftOut for one that is not to be in the store.
    """

    name: str
    load: Callable[[], Clip]


def refused(name: str, reason: str) -> RawClip:
    """A clip of which it is clear before it is read what is wrong: `load` raises ValueError."""
    return RawClip(name, partial(_refuse, reason))


def _refuse(reason: str) -> Clip:
    raise ValueError(reason)


@dataclass(frozen=True)
class DatasetSource:
    """Where a dataset's clips come from and how its protocols split them.

    `scan(raw, *, options)` lists the clips in the order of the store, without reading them; its
    keyword-only parameters are the options of `data.preparation.prepare`. `info_with(**options)`
    describes the dataset where an option of `scan` changes the description (None: it never does).
    `raw` is where the files lie, if a source knows, and `description` whatever decides its clips
    and splits besides the options: plain values, by which a store that is already there is known.
    `told` is told in the store's manifest and decides nothing.
    """

    info: DatasetInfo
    scan: Callable[..., Sequence[RawClip]]
    splits: Mapping[str, SplitRule]
    needs_raw: bool = True
    info_with: Callable[..., DatasetInfo] | None = None
    raw: Path | None = None
    description: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)

    def describe(self, options: Mapping[str, Any]) -> DatasetInfo:
        return self.info if self.info_with is None else self.info_with(**options)


def check_clip(clip: Clip, info: DatasetInfo) -> None:
    """Raise ValueError, naming the clip, if its shape, coordinates or label do not fit `info`."""
    shape = clip.skeleton.shape
    expected = (info.num_persons, info.num_joints, info.num_channels)
    if len(shape) != 4 or shape[1:] != expected:
        raise ValueError(
            f"{info.name}, clip {clip.name}: frames must be (persons, joints, channels) = "
            f"{expected}, got {shape[1:]}"
        )
    finite = np.isfinite(clip.skeleton)
    if not finite.all():
        frame, _, joint, _ = np.argwhere(~finite)[0]
        raise ValueError(
            f"{info.name}, clip {clip.name}: coordinates must be finite, got "
            f"{clip.skeleton[~finite][0]} in frame {frame}, joint {joint}"
        )
    if not 0 <= clip.label < len(info.classes):
        raise ValueError(
            f"{info.name}, clip {clip.name}: label must be in 0..{len(info.classes) - 1}, "
            f"got {clip.label}"
        )

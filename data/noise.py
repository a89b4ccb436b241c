"""Values of a data set lost at random (MDR-GCN, table IV).

A share of all positions of the store is drawn once, without replacement, by a seed of its own: the
same loss for every model, training seed and epoch, and for every part of the clips that is loaded.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.dataset import FloatArray, IntArray
from data.store import ArrayStore

Granularity = Literal["joint", "scalar", "frame", "sample_coord"]
NoiseSplit = Literal["both", "train", "test"]

BoolArray = NDArray[np.bool_]

MAX_POSITIONS = 10**9
"""numpy's hypergeometric draws end here."""


class Noise:
    """Which values of a store's clips are lost.

    Of all positions of the store exactly round(share * count) are lost. A position is, in `joint`,
    a present joint of a person in a frame, with all its channels; in `scalar` one channel of it;
    in `frame` a frame with anybody, with all bodies; in `sample_coord` a clip, of which a uniformly
    drawn number of channels of joints are lost, at least one. What is absent is no position.

    The number of each clip follows from the seed, its places from the seed and the clip's index.
    Raises ValueError for a store of 10^9 positions or more.
    """

    def __init__(
        self, store: ArrayStore, *, share: float, granularity: Granularity, seed: int
    ) -> None:
        self._granularity, self._seed = granularity, seed
        if granularity == "sample_coord":
            sizes = np.ones(len(store), dtype=np.int64)
        else:
            sizes = _count_positions(store, granularity)
        if sizes.sum() >= MAX_POSITIONS:
            raise ValueError(
                f"noise in {store.info.name}: noise_granularity {granularity} must have fewer than "
                f"{MAX_POSITIONS} positions, got {sizes.sum()}; take a coarser one"
            )
        generator = np.random.default_rng(seed)
        lost = round(share * int(sizes.sum()))
        self._counts: IntArray = generator.multivariate_hypergeometric(sizes, lost)

    def lost(self, clip: int, frames: FloatArray) -> BoolArray:
        """Whether each value of the clip's stored frames (T, M, V, C) is lost, same shape."""
        generator = np.random.default_rng((self._seed, clip))
        count = int(self._counts[clip])
        positions = _find_positions(frames, self._granularity)
        if self._granularity == "sample_coord" and count:
            count = int(generator.integers(1, positions.sum() + 1))
        chosen = generator.choice(np.flatnonzero(positions), count, replace=False, shuffle=False)
        hit = np.zeros(positions.shape, dtype=np.bool_)
        hit.flat[chosen] = True
        return np.broadcast_to(hit & present_joints(frames), frames.shape)


def present_joints(frames: FloatArray) -> BoolArray:
    """Whether a joint has a coordinate other than zero: (..., C) to (..., 1)."""
    present: BoolArray = (frames != 0).any(axis=-1, keepdims=True)
    return present


def _find_positions(frames: FloatArray, granularity: Granularity) -> BoolArray:
    """Where values can be lost, in four axes that broadcast to those of the frames."""
    present = present_joints(frames)
    if granularity == "joint":
        return present
    if granularity == "frame":
        anybody: BoolArray = np.logical_or.reduce(present, axis=(1, 2), keepdims=True)
        return anybody
    return np.repeat(present, frames.shape[-1], axis=-1)


def _count_positions(store: ArrayStore, granularity: Granularity) -> IntArray:
    spans = zip(store.offsets[:-1], store.offsets[1:], strict=True)
    counts = [
        np.count_nonzero(_find_positions(store.frames[begin:end], granularity))
        for begin, end in spans
    ]
    return np.array(counts, dtype=np.int64)

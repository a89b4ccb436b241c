"""The frames of some clips, taken from the store's memory map or kept on the device.

Shapes: F frames of the store, M persons, V joints, C channels. A body is one person in one frame;
the body with number frame * M + person is a row of (F * M, V * C).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.dataset import DatasetInfo, FloatArray, IntArray
from data.extremes import Extremes
from data.noise import Noise, present_joints
from data.store import ArrayStore
from data.transform import num_coordinates

UPLOADED_FRAMES = 2**16
"""Frames sent to the device at a time."""


class Poses(NamedTuple):
    """x (n, T, M, V, C) float32 as stored, but lost values are zero; present (n, T, M, V) uint8, 1
    or 0, or None where no clip ever lacks a joint."""

    x: Tensor
    present: Tensor | None

    def pinned(self) -> Poses:
        return Poses(
            self.x.pin_memory(), None if self.present is None else self.present.pin_memory()
        )

    def to(self, device: torch.device) -> Poses:
        """Without waiting, if the memory is pinned."""
        x = self.x.to(device, non_blocking=True)
        present = self.present
        return Poses(x, None if present is None else present.to(device, non_blocking=True))


class ClipFacts(NamedTuple):
    """What whole clips say, on the CPU: frames (n,); frames up to a body's last, 0 where it never
    comes (n, M); where the first person's origin joint first is, 0 where it never is (n, D); the
    extremes of the joints about that origin, if they are asked for."""

    lengths: Tensor
    body_lengths: Tensor
    origins: Tensor
    extremes: Extremes | None


class MappedFrames:
    """Frames in the store's memory map, which all processes of a machine share.

    Of its own it has bits alone: which joints are present, and which values noise has taken.
    `starts` (n,) are the clips' first frames.
    """

    def __init__(
        self,
        store: ArrayStore,
        clips: IntArray,
        noise: Noise | None = None,
        *,
        extremes_of: Callable[[FloatArray], FloatArray] | None = None,
    ) -> None:
        frames = np.asarray(store.frames)
        num_frames, num_persons, num_joints, num_channels = frames.shape
        num_bodies, num_values = num_frames * num_persons, num_joints * num_channels
        self.shape = frames.shape[1:]
        self.starts = torch.from_numpy(store.offsets[clips])
        self._bodies = frames.reshape(num_bodies, num_values)
        self._present = _Bits(num_bodies, num_joints)
        self._lost = None if noise is None else _Bits(num_bodies, num_values)
        self._complete = True
        self.device = torch.device("cpu")
        self.facts = self._survey(store, clips, noise, extremes_of)

    @property
    def num_bytes(self) -> int:
        """Of the clips' frames as float32."""
        return int(self.facts.lengths.sum()) * 4 * math.prod(self.shape)

    def take(self, bodies: Tensor) -> Poses:
        """The bodies with these numbers (n, T, M)."""
        rows = bodies.numpy()
        x = np.take(self._bodies, rows, axis=0).astype(np.float32, copy=False)
        if self._lost is not None:
            x[self._lost.take(rows).view(np.bool_)] = 0
        present = None if self._complete else torch.from_numpy(self._present.take(rows))
        return Poses(torch.from_numpy(x).view(*rows.shape, *self.shape[1:]), present)

    def _survey(
        self,
        store: ArrayStore,
        clips: IntArray,
        noise: Noise | None,
        extremes_of: Callable[[FloatArray], FloatArray] | None,
    ) -> ClipFacts:
        num_persons, size = self.shape[0], num_coordinates(store.info)
        body_lengths = np.zeros((len(clips), num_persons), dtype=np.int64)
        origins = np.zeros((len(clips), size), dtype=np.float32)
        extremes = []
        for place, clip in enumerate(clips.tolist()):
            begin, end = store.offsets[clip : clip + 2]
            bodies = slice(begin * num_persons, end * num_persons)
            frames = self._bodies[bodies].reshape(-1, *self.shape).astype(np.float32, copy=False)
            present = present_joints(frames)
            self._present.put(bodies, present)
            self._complete &= bool(present.all())
            if noise is not None and self._lost is not None:
                lost = noise.lost(clip, frames)
                self._lost.put(bodies, lost)
                frames = np.where(lost, np.float32(0), frames)
            body_lengths[place] = _last_frames(present)
            origins[place] = _find_origin(frames[..., :size], present, store.info)
            if extremes_of is not None:
                extremes.append(extremes_of(frames[present[..., 0], :size] - origins[place]))
        lengths = np.diff(store.offsets)[clips]
        return ClipFacts(
            torch.from_numpy(lengths),
            torch.from_numpy(body_lengths),
            torch.from_numpy(origins),
            None if extremes_of is None else Extremes(extremes),
        )


class DeviceFrames:
    """The same bodies on the device, clip after clip, as float32."""

    def __init__(self, mapped: MappedFrames, device: torch.device) -> None:
        self.device, self.facts = device, mapped.facts
        lengths = mapped.facts.lengths
        self.starts = lengths.cumsum(0) - lengths
        num_persons, self._num_joints, self._num_channels = mapped.shape
        shifts = (mapped.starts - self.starts).repeat_interleave(lengths)
        frames = torch.arange(len(shifts)) + shifts
        bodies = frames[:, None, None] * num_persons + torch.arange(num_persons)
        parts = [mapped.take(part).to(device) for part in bodies.split(UPLOADED_FRAMES)]
        self._x = torch.cat([part.x.flatten(0, 2).flatten(1) for part in parts])
        present = [part.present.flatten(0, 2) for part in parts if part.present is not None]
        self._present = torch.cat(present) if present else None

    def take(self, bodies: Tensor) -> Poses:
        """The bodies with these numbers (n, T, M), counted from the first clip's."""
        rows = bodies.flatten()
        shape = (*bodies.shape, self._num_joints)
        x = self._x.index_select(0, rows).view(*shape, self._num_channels)
        if self._present is None:
            return Poses(x, None)
        return Poses(x, self._present.index_select(0, rows).view(shape))


class _Bits:
    """A table (rows, width) of ones and zeros, eight to a byte."""

    def __init__(self, num_rows: int, width: int) -> None:
        self._packed = np.zeros((num_rows, -(-width // 8)), dtype=np.uint8)
        self._width = width

    def put(self, rows: slice, values: NDArray[np.bool_]) -> None:
        self._packed[rows] = np.packbits(values.reshape(-1, self._width), axis=1)

    def take(self, rows: IntArray) -> NDArray[np.uint8]:
        packed = np.take(self._packed, rows.reshape(-1), axis=0)
        values = np.unpackbits(packed, axis=1, count=self._width)
        return values.reshape(*rows.shape, self._width)


def _last_frames(present: NDArray[np.bool_]) -> IntArray:
    """Frames up to each person's last one, (M,), from (T, M, V, 1)."""
    seen: NDArray[np.bool_] = np.logical_or.reduce(present, axis=(2, 3))
    counted: IntArray = (seen * np.arange(1, len(seen) + 1)[:, None]).max(axis=0)
    return counted


def _find_origin(
    coordinates: FloatArray, present: NDArray[np.bool_], info: DatasetInfo
) -> FloatArray | float:
    having = np.flatnonzero(present[:, 0, info.origin_joint, 0])
    return coordinates[having[0], 0, info.origin_joint] if len(having) else 0.0

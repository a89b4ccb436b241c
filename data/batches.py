"""Batches of clips made on the device.

The clips of a split live on the device as ragged frames; cutting, resizing, rotation, scaling,
normalisation and the stream are tensor operations over a whole batch.

Shapes: N batch, C channels, T = clip_len, V joints, M persons; F frames of all clips together,
P frames of the batch's longest clip. Frames carry one more channel, 1 for a present joint and 0
for an absent one, so that a clip's transform is one (C, C + 1) matrix and absent joints stay zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.dataset import DatasetInfo, FloatArray, IntArray
from data.noise import Noise, present_joints
from data.store import ArrayStore
from data.streams import to_stream
from data.transform import (
    ClipTransform,
    Frames,
    draw,
    epoch_generator,
    linear_maps,
    sample_frames,
)

__all__ = ["Batch", "ClipBatches", "ClipTransform"]


class Batch(NamedTuple):
    """x (N, C, T, V, M) float32, labels (N,) int64, clips (N,) int64: indices into the store.

    present (N, M) bool: whether the person has a coordinate other than zero anywhere in the whole
    clip as it is stored; where it is False, x is exactly zero. None if no clip lacks a person.
    """

    x: Tensor
    labels: Tensor
    clips: Tensor
    present: Tensor | None


class EpochPlan(NamedTuple):
    """The order of an epoch and what happens to each clip in it; n = clips * repeat.

    order (n,) on the CPU: places in the split. Frames and maps (n, ...) on the device.
    """

    order: Tensor
    frames: Frames
    maps: Tensor


class ClipBatches:
    """The batches of some clips of a store, epoch after epoch.

    In training the order and every draw are a function of (seed, epoch) alone and each clip comes
    `repeat` times an epoch; in evaluation the clips come once, in order, without augmentation.
    `test` says that the clips are those of the test split (`noise_split`).
    Raises ValueError for no clips, a batch size below 1, `repeat` or `drop_last` in evaluation, an
    epoch without a batch, and rotation of other than three channels.
    """

    def __init__(
        self,
        store: ArrayStore,
        clips: IntArray,
        transform: ClipTransform,
        *,
        batch_size: int,
        device: torch.device,
        seed: int,
        train: bool,
        repeat: int = 1,
        drop_last: bool = False,
        test: bool = False,
    ) -> None:
        _check_sizes(len(clips), batch_size, train, repeat, drop_last)
        if any(transform.rotation_deg) and store.info.num_channels != 3:
            raise ValueError(f"rotation needs 3 channels, got {store.info.num_channels}")
        self._transform, self._info = transform, store.info
        self._batch_size, self._drop_last = batch_size, drop_last
        self._seed, self._train, self._repeat = seed, train, repeat
        self._device = device
        lengths = np.diff(store.offsets)[clips]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._lengths = torch.from_numpy(lengths)
        self._starts = torch.from_numpy(starts)
        self._clips = torch.tensor(clips, device=device)
        self._labels = torch.from_numpy(store.labels[clips]).to(device)
        frames, has_person = _load_frames(store, clips, transform, test)
        self._flat = frames.to(device)
        self._has_person = None if has_person.all() else has_person.to(device)
        self._evaluation_plan = None if train else self._plan(None)

    def __len__(self) -> int:
        num_clips = len(self._lengths) * self._repeat
        whole, rest = divmod(num_clips, self._batch_size)
        return whole if self._drop_last or rest == 0 else whole + 1

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, 0-based."""
        plan = self._evaluation_plan or self._plan(epoch)
        for number in range(len(self)):
            first = number * self._batch_size
            yield self._batch(plan, slice(first, first + self._batch_size))

    def _plan(self, epoch: int | None) -> EpochPlan:
        """The plan of a training epoch, or of evaluation (None)."""
        draws, order = None, torch.arange(len(self._lengths))
        if epoch is not None:
            generator = epoch_generator(self._seed, epoch)
            num_clips = len(self._lengths) * self._repeat
            order = torch.randperm(num_clips, generator=generator) % len(self._lengths)
            draws = draw(num_clips, self._transform.clip_len, generator)
        low, high, weight = sample_frames(self._lengths[order], self._transform, draws)
        starts = self._starts[order, None]
        maps = linear_maps(len(order), self._info.num_channels, self._transform, draws)
        frames = Frames(
            low=(starts + low).to(self._device),
            high=(starts + high).to(self._device),
            weight=None if weight is None else weight.to(self._device),
        )
        return EpochPlan(order, frames, maps.to(self._device))

    def _batch(self, plan: EpochPlan, part: slice) -> Batch:
        order = plan.order[part]
        clips = order.to(self._device)
        x = self._sampled(plan.frames, part)
        maps = plan.maps[part]
        offset = torch.zeros_like(maps[:, :, :1])
        if self._transform.normalize == "minmax":
            maps, offset = self._to_unit_range(order, maps)
        x = _apply(torch.cat([maps, offset], dim=2), x).contiguous()
        x = to_stream(x, self._transform.stream, self._info.edges)
        present = None if self._has_person is None else self._has_person[clips]
        return Batch(x, self._labels[clips], self._clips[clips], present)

    def _sampled(self, frames: Frames, part: slice) -> Tensor:
        """The output frames before their map, (N, C + 1, T, V, M)."""
        x = self._flat[frames.low[part]]
        if frames.weight is not None:
            x = x.lerp(self._flat[frames.high[part]], frames.weight[part, :, None, None, None])
        return x.transpose(1, 2)

    def _to_unit_range(self, order: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The maps and offsets (N, C, 1) that end in [-1, 1] on every axis of the whole clip."""
        lengths = self._lengths[order, None]
        # A shorter clip repeats its last frame: that leaves its extremes as they are.
        places = torch.minimum(torch.arange(int(lengths.max())), lengths - 1)
        frames = self._flat[(self._starts[order, None] + places).to(self._device)].transpose(1, 2)
        mapped = _apply(maps, frames)
        absent = frames[:, -1:] == 0
        lowest = mapped.masked_fill(absent, torch.inf).amin(dim=(2, 3, 4))
        highest = mapped.masked_fill(absent, -torch.inf).amax(dim=(2, 3, 4))
        extended = highest > lowest
        factor = torch.where(extended, 2 / (highest - lowest), 0.0)
        offset = torch.where(extended, -1 - factor * lowest, 0.0)
        return factor[:, :, None] * maps, offset[:, :, None]


def _check_sizes(
    num_clips: int, batch_size: int, train: bool, repeat: int, drop_last: bool
) -> None:
    if num_clips == 0:
        raise ValueError("batches need at least one clip, got none")
    if batch_size < 1 or repeat < 1:
        raise ValueError(f"batch_size and repeat must be >= 1, got {batch_size} and {repeat}")
    if not train and (repeat != 1 or drop_last):
        raise ValueError(
            "evaluation takes every clip once: repeat must be 1 and drop_last False, "
            f"got repeat={repeat}, drop_last={drop_last}"
        )
    if drop_last and num_clips * repeat < batch_size:
        raise ValueError(
            f"drop_last leaves no batch: {num_clips} clips * repeat {repeat} < {batch_size}"
        )


def _load_frames(
    store: ArrayStore, clips: IntArray, transform: ClipTransform, test: bool
) -> tuple[Tensor, Tensor]:
    """The frames of the clips and their presence, (F, C + 1, V, M), and whether each clip has each
    person, (n, M), on the CPU."""
    begins, ends = store.offsets[clips], store.offsets[clips + 1]
    spans = zip(begins, ends, strict=True)
    frames = np.concatenate([store.frames[begin:end] for begin, end in spans])
    present = present_joints(frames)
    lengths = ends - begins
    has_person = np.logical_or.reduceat(present.any(axis=(2, 3)), np.cumsum(lengths) - lengths)
    if transform.noise and transform.noise_split in ("both", "test" if test else "train"):
        _lose_values(store, clips, frames, transform)
    if transform.normalize == "center_frames":
        frames -= frames[:, :1, store.info.origin_joint, None] * present
    elif transform.normalize != "none":
        origins = _find_origins(frames, present, lengths, store.info)
        frames -= np.repeat(origins, lengths, axis=0)[:, None, None] * present
    marked = np.concatenate([frames, present.astype(np.float32)], axis=-1)
    channels_first = np.ascontiguousarray(marked.transpose(0, 3, 2, 1))
    return torch.from_numpy(channels_first), torch.from_numpy(has_person)


def _lose_values(
    store: ArrayStore, clips: IntArray, frames: FloatArray, transform: ClipTransform
) -> None:
    """Set the lost values of the clips' frames (F, M, V, C) to zero, in place."""
    noise = Noise(
        store,
        share=transform.noise,
        granularity=transform.noise_granularity,
        seed=transform.noise_seed,
    )
    start = 0
    for clip in clips.tolist():
        stored = store.frames[store.offsets[clip] : store.offsets[clip + 1]]
        frames[start : start + len(stored)][noise.lost(clip, stored)] = 0
        start += len(stored)


def _find_origins(
    frames: FloatArray, present: NDArray[np.bool_], lengths: IntArray, info: DatasetInfo
) -> FloatArray:
    """Every clip's origin (n, C): person 0's origin joint in the first frame that has it, or 0."""
    starts = np.cumsum(lengths) - lengths
    has_origin = present[:, 0, info.origin_joint, 0]
    candidates = np.where(has_origin, np.arange(len(frames)), len(frames))
    firsts = np.minimum.reduceat(candidates, starts)
    found = firsts < starts + lengths
    origins = frames[np.where(found, firsts, starts), 0, info.origin_joint]
    return np.where(found[:, None], origins, np.float32(0))


def _apply(maps: Tensor, x: Tensor) -> Tensor:
    """maps (N, C, D) times the first D channels of x (N, >= D, T, V, M).

    A sum of products rather than a matrix product: TF32 must not reach the data.
    """
    columns = maps[..., None, None, None].unbind(dim=2)
    y = columns[0] * x[:, :1]
    for channel, column in enumerate(columns[1:], start=1):
        y = y.addcmul(column, x[:, channel : channel + 1])
    return y

"""Batches of clips, made by tensor operations over a whole batch.

Frames that fit are kept on the device (on the CPU they are taken from the store's memory map);
others are streamed: threads take them from the map, two batches ahead. What follows is the same.

Shapes: N batch, C channels, T = clip_len, V joints, M persons.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from data.compose import Taken, compose
from data.dataset import FloatArray, IntArray
from data.draws import draw, epoch_generator
from data.extremes import axis_extremes, extreme_points
from data.frames import DeviceFrames, MappedFrames
from data.noise import Noise
from data.plan import Plan, make_plan
from data.prefetch import prefetched
from data.share import Share
from data.store import ArrayStore
from data.transform import ClipTransform

__all__ = ["Batch", "ClipBatches", "ClipTransform", "num_batches"]

PLANNED_CLIPS = 512
"""About so many clips of an epoch are planned at a time."""

COMPOSED_CLIPS = 64
"""About so many clips are made at a time: small batches share the cost of starting an operation."""

KEPT_SHARE = 4
"""By default frames are kept where they need at most one part in so many of the memory."""

ALONE = Share()


class Batch(NamedTuple):
    """x (N, C, T, V, M) float32, labels (N,) int64, clips (N,) int64: indices into the store.

    Of a worker's share x and present have its rows alone; labels and clips are of the whole batch.
    present (N, M) bool: whether the person has a coordinate other than zero anywhere in the whole
    clip as it is stored; where it is False, x is exactly zero. None if no clip lacks a person.
    """

    x: Tensor
    labels: Tensor
    clips: Tensor
    present: Tensor | None


class ClipBatches:
    """The batches of some clips of a store, epoch after epoch.

    In training the order and every draw are a function of (seed, epoch) alone and each clip comes
    `repeat` times an epoch; in evaluation the clips come once, in order, without augmentation.
    `test` says that the clips are those of the test split (`noise_split`). Of every batch one
    worker's `share` is made; what is planned is the same for all workers. `budget` is how many
    bytes of frames may be kept on the device, by default a quarter of what is free there; the
    batches are the same either way.
    Raises ValueError for no clips, a batch size below 1, `repeat` or `drop_last` in evaluation, an
    epoch without a batch, and a transform that the data set does not allow.
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
        share: Share = ALONE,
        budget: int | None = None,
    ) -> None:
        _check_sizes(len(clips), batch_size, train, repeat, drop_last)
        transform.check_against(store.info)
        self._transform, self._info = transform, store.info
        self._batch_size, self._drop_last = batch_size, drop_last
        self._seed, self._train, self._repeat = seed, train, repeat
        self._device, self._share = device, share
        mapped = MappedFrames(
            store, clips, _noise(store, transform, test), extremes_of=_extremes(transform, train)
        )
        budget = _default_budget(device) if budget is None else budget
        self._streamed = mapped.num_bytes > budget
        self._pinned = self._streamed and device.type == "cuda"
        on_cpu = self._streamed or device.type == "cpu"
        self._source = mapped if on_cpu else DeviceFrames(mapped, device)
        self._clips = torch.tensor(clips, device=device)
        self._labels = torch.from_numpy(store.labels[clips]).to(device)
        has_person = mapped.facts.body_lengths > 0
        self._has_person = None if has_person.all() else has_person.to(device)

    def __len__(self) -> int:
        return num_batches(self._num_clips, self._batch_size, self._drop_last)

    @property
    def _num_clips(self) -> int:
        """Of an epoch."""
        return len(self._clips) * self._repeat

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, 0-based."""
        plans = self._plans(epoch)
        taken = prefetched(self._take, plans) if self._streamed else map(self._take, plans)
        for places, plan, poses in taken:
            yield from self._batches(places, plan, poses.to(self._device))

    def _plans(self, epoch: int) -> Iterator[tuple[Tensor, Plan]]:
        """The places of one or several batches, and the plan of this worker's share of them."""
        order, draws = torch.arange(len(self._clips)), None
        if self._train:
            generator = epoch_generator(self._seed, epoch)
            order = torch.randperm(self._num_clips, generator=generator) % len(self._clips)
            sizes = self._transform.clip_len, self._info.num_joints
            draws = draw(self._num_clips, *sizes, generator)
        num_clips = min(len(self) * self._batch_size, self._num_clips)
        composed = self._whole_batches(COMPOSED_CLIPS)
        planned = composed * max(1, PLANNED_CLIPS // composed)
        for first in range(0, num_clips, planned):
            part = range(first, min(first + planned, num_clips))
            own = torch.tensor(self._own(part))
            some = None if draws is None else draws.of(own)
            plan = make_plan(
                order[own], self._source, self._transform, self._info, some, self._device
            )
            for whole, share in self._pieces(len(part), composed):
                yield order[first:][whole], plan.of(share)

    def _pieces(self, num_clips: int, size: int) -> Iterator[tuple[slice, slice]]:
        """So many clips at a time, and where those of this worker are among all of its own."""
        done = 0
        for begin in range(0, num_clips, size):
            piece = range(begin, min(begin + size, num_clips))
            end = done + len(self._own(piece))
            yield slice(piece.start, piece.stop), slice(done, end)
            done = end

    def _own(self, clips: range) -> list[int]:
        """Those of this worker among the clips of consecutive batches."""
        starts = range(0, len(clips), self._batch_size)
        batches = (clips[start : start + self._batch_size] for start in starts)
        return [batch[row] for batch in batches for row in self._share.rows(len(batch))]

    def _whole_batches(self, num_clips: int) -> int:
        """The clips of as many batches as fit into so many, at least of one."""
        return self._batch_size * max(1, num_clips // self._batch_size)

    def _take(self, planned: tuple[Tensor, Plan]) -> tuple[Tensor, Plan, Taken]:
        """A plan with the poses it needs; called in threads where frames are streamed."""
        places, plan = planned
        high = None if plan.high is None else self._source.take(plan.high)
        taken = Taken(self._source.take(plan.low), high)
        return places, plan, taken.pinned() if self._pinned else taken

    def _batches(self, places: Tensor, plan: Plan, poses: Taken) -> Iterator[Batch]:
        x = compose(poses, plan, self._transform, self._info)
        places = places.to(self._device)
        labels, clips = self._labels[places], self._clips[places]
        present = None
        if self._has_person is not None:
            present = self._has_person[plan.places.to(self._device)]
        for whole, own in self._pieces(len(places), self._batch_size):
            here = None if present is None else present[own]
            yield Batch(x[own], labels[whole], clips[whole], here)


def num_batches(num_clips: int, batch_size: int, drop_last: bool) -> int:
    """Of an epoch of so many clips; the last batch may be smaller, or is left out."""
    whole, rest = divmod(num_clips, batch_size)
    return whole if drop_last or rest == 0 else whole + 1


def _extremes(transform: ClipTransform, train: bool) -> Callable[[FloatArray], FloatArray] | None:
    """Which points of a clip decide its range, if that is asked for."""
    if transform.normalize != "minmax":
        return None
    mixes_axes = train and (any(transform.rotation_deg) or transform.shear > 0)
    return extreme_points if mixes_axes else axis_extremes


def _noise(store: ArrayStore, transform: ClipTransform, test: bool) -> Noise | None:
    """What the clips have lost, if they are in a split with noise."""
    if not transform.noise or transform.noise_split == ("train" if test else "test"):
        return None
    return Noise(
        store,
        share=transform.noise,
        granularity=transform.noise_granularity,
        seed=transform.noise_seed,
    )


def _default_budget(device: torch.device) -> int:
    """Bytes; on the CPU of the machine's memory, where the pages of the map are kept."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // KEPT_SHARE
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // KEPT_SHARE


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

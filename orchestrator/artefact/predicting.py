"""From stored-form skeletons to probabilities, through the transform that evaluation uses.

Shapes: N clips, K classes; a skeleton is (T, M, V, C) as the readers of `data` give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from data.batches import ClipBatches, ClipTransform
from data.dataset import Clip, DatasetInfo, FloatArray, IntArray, check_clip
from data.store import ArrayStore
from models.interface import SkeletonModel
from orchestrator.artefact.description import Description, MemberEntry
from orchestrator.artefact.members import Artefact
from orchestrator.engine.config import transform_of
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.evaluate import evaluate
from orchestrator.engine.state import pick_device

Scores = NDArray[np.float32]
Probabilities = NDArray[np.float64]
_SAYS_NOTHING_OF_FORM = ("name", "protocols")


class Predictor:
    """An artefact on a device. `batch_size` of None is that of the evaluation in training."""

    def __init__(
        self, artefact: Artefact, *, device: str = "auto", batch_size: int | None = None
    ) -> None:
        self.description = artefact.description
        self._device, self._batch_size = pick_device(device), batch_size
        self._networks = [network.to(self._device) for network in artefact.networks]

    def predict(
        self, skeletons: Sequence[FloatArray], names: Sequence[str] | None = None
    ) -> Probabilities:
        """(N, K), each row summing to 1. Noise that the training had is left out.

        Raises ValueError, naming the clip, for a skeleton of other joints, persons or channels,
        without a frame or a body, or with values that are not finite.
        """
        if not skeletons:
            return np.zeros((0, len(self.description.info.classes)))
        store = _in_memory(skeletons, names, self.description.info)
        clips = np.arange(len(skeletons))
        transforms = [replace(self._transform(entry), noise=0.0) for entry in self._entries]
        return self._fused(store, clips, transforms, is_test=True)

    def predict_split(
        self, store: ArrayStore, protocol: str, split: str
    ) -> tuple[IntArray, Probabilities]:
        """The clips (N,) of a split of any data of the model's form, and their probabilities.

        They are made as in training's own evaluation, noise included. Raises `SkelTuneError` for
        data of other classes or another skeleton.
        """
        require_same_form(self.description.info, store)
        clips = store.split(protocol, split)
        transforms = [self._transform(entry) for entry in self._entries]
        return clips, self._fused(store, clips, transforms, is_test=split == "test")

    @property
    def _entries(self) -> tuple[MemberEntry, ...]:
        return self.description.members

    def _transform(self, entry: MemberEntry) -> ClipTransform:
        return transform_of(entry.config.data)

    def _fused(
        self,
        store: ArrayStore,
        clips: IntArray,
        transforms: Sequence[ClipTransform],
        *,
        is_test: bool,
    ) -> Probabilities:
        members = zip(self._entries, self._networks, transforms, strict=True)
        scores = [
            self._scores(entry, network, store, clips, transform, is_test)
            for entry, network, transform in members
        ]
        return fuse(self.description, scores)

    def _scores(
        self,
        entry: MemberEntry,
        network: SkeletonModel,
        store: ArrayStore,
        clips: IntArray,
        transform: ClipTransform,
        is_test: bool,
    ) -> Scores:
        """(N, K) of one member."""
        config = entry.config
        batches = ClipBatches(
            store,
            clips,
            transform,
            batch_size=self._batch_size or config.eval_batch_size,
            device=self._device,
            seed=config.seed,
            train=False,
            test=is_test,
        )
        is_half = config.precision == "bf16"
        scores = evaluate(
            network, batches, torch.autocast(self._device.type, torch.bfloat16, is_half)
        ).scores
        if not np.isfinite(scores).all():
            raise SkelTuneError(f"member {entry.name} gives scores that are not finite")
        return scores


def fuse(description: Description, scores: Sequence[Scores]) -> Probabilities:
    """The members' scores (N, K) as probabilities (N, K), weighted by the members."""
    weights = np.array([member.weight for member in description.members])
    streams = np.stack(scores).astype(np.float64)
    if description.fusing == "probabilities":
        return _weighted_mean(_softmax(streams), weights)
    return _softmax(_weighted_mean(streams, weights))


def require_same_form(info: DatasetInfo, store: ArrayStore) -> None:
    """Raise `SkelTuneError` unless the data have the model's classes, skeleton and channels."""
    ours, theirs = asdict(info), asdict(store.info)
    other = [key for key in ours if key not in _SAYS_NOTHING_OF_FORM and ours[key] != theirs[key]]
    if other:
        raise SkelTuneError(
            f"the model was trained on {info.name}; {store.name} differs in {', '.join(other)}"
        )


def checked_clip(name: str, skeleton: FloatArray, info: DatasetInfo) -> Clip:
    """Persons that are missing are absent; ValueError for what no store would take."""
    skeleton = np.asarray(skeleton, dtype=np.float32)
    if skeleton.ndim == 4 and skeleton.shape[1] < info.num_persons:
        absent = info.num_persons - skeleton.shape[1]
        skeleton = np.pad(skeleton, ((0, 0), (0, absent), (0, 0), (0, 0)))
    clip = Clip(name, skeleton, label=0)
    check_clip(clip, info)
    if not skeleton.any():
        raise ValueError(f"{info.name}, clip {name}: has no body in any frame")
    return clip


def _weighted_mean(streams: Probabilities, weights: NDArray[np.float64]) -> Probabilities:
    mean: Probabilities = np.tensordot(weights / weights.sum(), streams, axes=1)
    return mean


def _softmax(scores: Probabilities) -> Probabilities:
    return torch.from_numpy(scores).softmax(dim=-1).numpy()


def _in_memory(
    skeletons: Sequence[FloatArray], names: Sequence[str] | None, info: DatasetInfo
) -> ArrayStore:
    """The clips as a store without files, so that they go the way of prepared ones."""
    named = zip(names or map(str, range(len(skeletons))), skeletons, strict=True)
    clips = [checked_clip(name, skeleton, info) for name, skeleton in named]
    nothing = np.zeros(len(clips), dtype=np.int64)
    return ArrayStore(
        folder=Path(info.name),
        info=info,
        manifest={},
        digest="",
        names=np.array([clip.name for clip in clips]),
        labels=nothing,
        subjects=nothing,
        cameras=nothing,
        offsets=np.cumsum([0, *(len(clip.skeleton) for clip in clips)]),
        frames=np.concatenate([clip.skeleton for clip in clips]),
        split_codes={},
    )

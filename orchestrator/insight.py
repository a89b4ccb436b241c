"""What a trained model sees: embeddings and attention of some clips, taken with hooks.

Shapes: n clips, N clips of a batch, M persons, B rows (persons of clips), D embedding, T frames,
V joints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.batches import Batch, ClipBatches
from data.dataset import IntArray
from data.preparation import ensure_store
from data.store import ArrayStore
from models.cross_attention import FrameAttention
from models.cross_attention import JointAttention as JointGate
from models.frequency import FrequencyAttention
from models.interface import SkeletonModel
from models.joint_attention import JointAttention
from models.person_fusion import present_persons
from models.slnl_network import SLnLNetwork
from models.topology import TopologyGraphConv
from orchestrator.engine.config import TrialConfig, load_trial, transform_of
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.network import build_model, load_weights
from orchestrator.engine.state import pick_device
from orchestrator.fusing.predictions import read_predictions

Floats = NDArray[np.float32]

MOST_CLIPS = 500
_BATCH_SIZE = 16


class Over(StrEnum):
    """What an attention map weighs, and so its shape for each clip."""

    FRAMES_AND_JOINTS = "frames and joints"
    """(T, V)"""
    FRAMES = "frames"
    """(T,)"""
    JOINTS = "joints"
    """(V,)"""
    FREQUENCIES = "frequencies"
    """(T, V//2 + 1): over time, and over joints the half that determines the rest."""


@dataclass(frozen=True, eq=False)
class Attention:
    """One module's maps, (n, ...): of each clip the mean over its persons."""

    name: str
    over: Over
    maps: Floats


@dataclass(frozen=True, eq=False)
class Insight:
    """Of the clips (n,), by their number in the store: labels, predictions, embeddings (n, D)."""

    store: ArrayStore
    split: str
    clips: IntArray
    labels: IntArray
    predicted: IntArray
    embeddings: Floats
    attention: tuple[Attention, ...]

    def of(self, over: Over) -> list[Attention]:
        return [attention for attention in self.attention if attention.over is over]


def look_into(
    folder: Path,
    data_root: Path,
    split: str | None = None,
    *,
    most_clips: int = MOST_CLIPS,
    device: str = "auto",
) -> Insight:
    """The best weights of a trial run over a split, or over so many clips spread evenly over it.

    By default the split that the trial was evaluated on. Raises `SkelTuneError` where there are no
    weights, or the data were prepared anew since.
    """
    files = TrialFiles(folder)
    config = load_trial(files.config)
    split, where = split or config.eval_split, pick_device(device)
    store = _same_store(files, config, data_root)
    model = build_model(config, store.info)
    load_weights(model, files.best, whole=True)
    clips = _spread_evenly(store.split(config.data.protocol, split), most_clips)
    batches = ClipBatches(
        store,
        clips,
        transform_of(config.data),
        batch_size=min(_BATCH_SIZE, config.eval_batch_size),
        device=where,
        seed=config.seed,
        train=False,
        test=split == "test",
    )
    return _looked(model.to(where).eval(), batches, store, split)


def _same_store(files: TrialFiles, config: TrialConfig, data_root: Path) -> ArrayStore:
    if not files.best.exists():
        raise SkelTuneError(f"{files.root} has no {files.best.name}: no epoch has been evaluated")
    store = ensure_store(config.data.name, data_root)
    digest = read_predictions(files.predictions).data_digest
    if store.digest != digest:
        raise SkelTuneError(
            f"{files.root} was trained on another preparation of {config.data.name}: "
            f"data digest {digest}, now {store.digest}"
        )
    return store


def _spread_evenly(clips: IntArray, most: int) -> IntArray:
    places = np.linspace(0, len(clips) - 1, min(most, len(clips))).round().astype(int)
    chosen: IntArray = clips[places]
    return chosen


@torch.no_grad()
def _looked(model: SkeletonModel, batches: ClipBatches, store: ArrayStore, split: str) -> Insight:
    """Every person is computed: none is told to be absent, so that rows keep their places."""
    found: dict[str, list[Floats]] = {}
    with watched(model) as seen:
        for batch in batches.epoch(0):
            output, persons = model(batch.x, None), persons_of(model, batch)
            found.setdefault("labels", []).append(batch.labels.cpu().numpy())
            found.setdefault("clips", []).append(batch.clips.cpu().numpy())
            found.setdefault("predicted", []).append(output.scores.argmax(1).cpu().numpy())
            found.setdefault("embeddings", []).append(output.embedding.float().cpu().numpy())
            for name, (_, rows) in seen.items():
                found.setdefault(name, []).append(per_clip(rows, persons).cpu().numpy())
    joined: dict[str, Any] = {name: np.concatenate(parts) for name, parts in found.items()}
    attention = tuple(Attention(name, over, joined.pop(name)) for name, (over, _) in seen.items())
    return Insight(store=store, split=split, attention=attention, **joined)


class Persons(NamedTuple):
    """(N, M) each: who has rows in the maps, and who counts in a clip's mean."""

    computed: Tensor
    counted: Tensor


def persons_of(model: SkeletonModel, batch: Batch) -> Persons:
    """SLnL-rFA packs the persons that it finds; the other models compute all."""
    if isinstance(model, SLnLNetwork) and model.persons.mask_absent:
        found = present_persons(batch.x, None)
        return Persons(found, found)
    counted = present_persons(batch.x, batch.present)
    return Persons(torch.ones_like(counted), counted)


def per_clip(rows: Tensor, persons: Persons) -> Tensor:
    """Maps (B, ...) as means over each clip's persons, (N, ...).

    Streams that share a module come one after the other and are averaged.
    """
    computed, counted = persons
    kept = computed.flatten().nonzero().squeeze(1)
    packed = rows.view(-1, len(kept), *rows.shape[1:]).mean(0)
    unpacked = packed.new_zeros(computed.numel(), *packed.shape[1:]).index_copy(0, kept, packed)
    maps = unpacked.view(*computed.shape, *packed.shape[1:])
    shares = counted / counted.sum(1, keepdim=True)
    return torch.einsum("nm,nm...->n...", shares.to(maps.dtype), maps)


Seen = dict[str, tuple[Over, Tensor]]
"""By name: what is weighed, and the maps (B, ...) of the last batch."""


@contextmanager
def watched(model: nn.Module) -> Iterator[Seen]:
    """Within, every forward pass leaves the attention maps of all modules that have some."""
    seen: Seen = {}
    numbers: dict[type, int] = {}
    hooks = []
    for path, module in model.named_modules():
        if type(module) in _MAPS:
            numbers[type(module)] = number = numbers.get(type(module), 0) + 1
            note = partial(_note, seen=seen, path=path, number=number)
            hooks.append(module.register_forward_pre_hook(note))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _note(
    module: nn.Module, inputs: tuple[Tensor, ...], *, seen: Seen, path: str, number: int
) -> None:
    over, maps = _MAPS[type(module)]
    for title, values in maps(module, *inputs).items():
        name = title.format(number=number, part=path.split(".")[-2])
        seen[name] = over, values.float()


def _cvsta(module: TopologyGraphConv, x: Tensor) -> dict[str, Tensor]:
    """The mean size over subsets and channels: signs differ between channels."""
    if not module.options.cvsta:
        return {}
    return {"CVSTA, layer {number}": module.attention(x).abs().mean((1, 2))}


def _joint_attention(module: JointAttention, x: Tensor) -> dict[str, Tensor]:
    return {"ST-JointAtt, layer {number}": module.gates(x).mean(1)}


def _frames(module: FrameAttention, x: Tensor, source: Tensor) -> dict[str, Tensor]:
    return {"frames of the coarse head, stage {number}": module.attention(source).squeeze(1)}


def _joints(module: JointGate, x: Tensor, source: Tensor) -> dict[str, Tensor]:
    return {"joints of the fine head, stage {number}": module.attention(source).squeeze(1)}


def _frequencies(module: FrequencyAttention, x: Tensor) -> dict[str, Tensor]:
    masks = module.masks(x)
    parts = ("cosine", "sine") if len(masks) > 1 else ("amplitude",)
    return {
        f"{part} mask, stream {{part}}": mask.squeeze(1)
        for part, mask in zip(parts, masks, strict=True)
    }


_MAPS: dict[type, tuple[Over, Callable[..., dict[str, Tensor]]]] = {
    TopologyGraphConv: (Over.FRAMES_AND_JOINTS, _cvsta),
    JointAttention: (Over.FRAMES_AND_JOINTS, _joint_attention),
    FrameAttention: (Over.FRAMES, _frames),
    JointGate: (Over.JOINTS, _joints),
    FrequencyAttention: (Over.FREQUENCIES, _frequencies),
}

"""What a configuration makes training do, as digests: where all are equal, so is training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from data.batches import ClipBatches, num_batches
from data.dataset import DatasetInfo, IntArray
from data.store import ArrayStore
from losses.margin import MarginLoss
from models.interface import InputShape
from orchestrator.engine.config import TrialConfig, transform_of
from orchestrator.engine.network import (
    build_classification,
    build_embedding_loss,
    build_model,
    decides_the_model,
    input_shape,
)
from orchestrator.engine.optim import LR_SCHEDULES
from orchestrator.engine.state import clips_of

SHORT_FRAMES = 16
SAMPLED_CLIPS = 64


class Part(StrEnum):
    """A part of what training does."""

    STEPS = "steps"
    """How many updates of which size: epochs, batches, learning rates, optimizer, precision."""
    CLIPS = "clips"
    """Which clips are fitted and evaluated on, and what the transform makes of them."""
    LOSS = "loss"
    """The loss of made-up outputs, and its gradients."""
    EMBEDDING = "embedding"
    """What a loss on the embedding is given, if there is one."""
    MODEL = "model"
    """Outputs and gradients of made-up clips, at the weights that training starts from."""


Fingerprint = dict[Part, str]


class _Ran(NamedTuple):
    digest: str
    embedding: str
    embedding_dim: int


@dataclass
class Fingerprints:
    """Of many configurations; what several have in common is computed once.

    Models are built for and run on `frames` frames at most, the clips' own number where this is
    None or too few for the model.
    """

    frames: int | None = SHORT_FRAMES
    _clips: dict[str, str] = field(default_factory=dict)
    _models: dict[str, _Ran] = field(default_factory=dict)

    def of(self, config: TrialConfig, store: ArrayStore) -> Fingerprint:
        model = self._model(config, store)
        return {
            Part.STEPS: _steps(config, store),
            Part.CLIPS: self._clips_of(config, store),
            Part.LOSS: _loss(config, store.info, model.embedding_dim),
            Part.EMBEDDING: model.embedding if _uses_embedding(config) else "",
            Part.MODEL: model.digest,
        }

    def _clips_of(self, config: TrialConfig, store: ArrayStore) -> str:
        key = _said(
            [
                config.data.model_dump(),
                config.select_on,
                config.max_clips,
                config.seed,
                store.digest,
            ]
        )
        if key not in self._clips:
            self._clips[key] = _clips(config, store)
        return self._clips[key]

    def _model(self, config: TrialConfig, store: ArrayStore) -> _Ran:
        told = [*decides_the_model(config), config.plain()["init_like"]]
        where = [store.name, transform_of(config.data).clip_len]
        key = _said([*told, *where, _weights(config), config.seed])
        if key not in self._models:
            self._models[key] = _run_model(config, store.info, self.frames)
        return self._models[key]


def _steps(config: TrialConfig, store: ArrayStore) -> str:
    """The learning rate is looked at four times an epoch."""
    num_clips = len(clips_of(config, store, *config.fit_splits)) * config.data.repeat
    schedule = LR_SCHEDULES[config.lr_schedule.name](config.epochs, **config.lr_schedule.args)
    rates = [schedule(quarter / 4) for quarter in range(4 * config.epochs)]
    batches = num_batches(num_clips, config.batch_size, config.drop_last)
    sizes = [num_clips, min(config.batch_size, num_clips), batches]
    optimizer = config.optimizer.model_dump()
    return _said([sizes, rates, optimizer, config.clip_grad_norm, config.precision])


def _clips(config: TrialConfig, store: ArrayStore) -> str:
    """Two epochs of some clips in training and one in evaluation, as the model would see them."""
    fit = clips_of(config, store, *config.fit_splits)
    held_out = clips_of(config, store, config.eval_split)
    test = config.eval_split == "test"
    training = _batches(config, store, _sample(store, fit), train=True)
    evaluation = _batches(config, store, _sample(store, held_out), train=False, test=test)
    epochs = (training.epoch(0), training.epoch(1), evaluation.epoch(0))
    x = [batch.x for batches in epochs for batch in batches]
    return _digest([torch.tensor(fit), torch.tensor(held_out), *x]) + f"*{config.data.repeat}"


def _batches(
    config: TrialConfig, store: ArrayStore, clips: IntArray, *, train: bool, test: bool = False
) -> ClipBatches:
    return ClipBatches(
        store,
        clips,
        transform_of(config.data),
        batch_size=len(clips),
        device=torch.device("cpu"),
        seed=config.seed,
        train=train,
        test=test,
    )


def _sample(store: ArrayStore, clips: IntArray) -> IntArray:
    """The shortest, the longest, and others between."""
    lengths = np.diff(store.offsets)[clips]
    places = np.linspace(0, len(clips) - 1, min(SAMPLED_CLIPS, len(clips))).round().astype(int)
    chosen: IntArray = np.sort(clips[np.argsort(lengths, kind="stable")[places]])
    return chosen


def _loss(config: TrialConfig, info: DatasetInfo, embedding_dim: int) -> str:
    """At small, middling and large outputs: of hinges and clamps some are in force at each.

    A loss that changes while it trains is told apart by its options as well.
    """
    num_classes = len(info.classes)
    classification = build_classification(config)
    embedding_loss = build_embedding_loss(config, num_classes, embedding_dim)
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(24) % min(num_classes, 8)
    found: list[Tensor] = []
    for scale in (0.1, 1.0, 10.0):
        logits = _leaf((24, num_classes), scale, generator)
        embedding = _leaf((24, embedding_dim), scale, generator)
        extra = (embedding,) if _takes_embedding(classification) else ()
        total = classification(logits, labels, *extra)
        if embedding_loss is not None:
            total = total + embedding_loss(embedding, labels)
        total.backward()
        found += [total, *_gradients([logits, embedding])]
    parts = [p for p in (classification, embedding_loss) if p is not None]
    found += [gradient for part in parts for gradient in _gradients(part.parameters())]
    changing = config.loss.model_dump() if any(list(part.buffers()) for part in parts) else None
    has_centres = embedding_loss is not None and any(True for _ in embedding_loss.parameters())
    return _digest(found) + _said([changing, has_centres and config.loss.center_lr])


def _leaf(size: tuple[int, ...], scale: float, generator: torch.Generator) -> Tensor:
    values = (2 * torch.rand(size, generator=generator) - 1) * scale
    return values.requires_grad_()


def _run_model(config: TrialConfig, info: DatasetInfo, frames: int | None) -> _Ran:
    if frames is None or frames >= transform_of(config.data).clip_len:
        return _ran(config, info)
    try:
        return _ran(_shortened(config, frames), info)
    except (ValueError, RuntimeError):  # too short for the model
        return _ran(config, info)


def _shortened(config: TrialConfig, frames: int) -> TrialConfig:
    data = config.data.model_copy(update={"clip_len": frames})
    return config.model_copy(update={"data": data})


def _ran(config: TrialConfig, info: DatasetInfo) -> _Ran:
    """One training pass with all gradients, then one in evaluation."""
    model = build_model(config, info)
    x, present = made_up_clips(input_shape(config, info))
    torch.manual_seed(0)
    output = model.train()(x, present)
    weights = model.head_weights
    outputs = [weights[h] * logits for h, logits in output.heads.items() if weights[h] != 0]
    _pull(outputs).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        scores = model.eval()(x, present).scores
    said = _digest([*outputs, scores, *_gradients(model.parameters())]) + _weights(config)
    return _Ran(said, _digest([output.embedding]), model.embedding_dim)


def made_up_clips(shape: InputShape) -> tuple[Tensor, Tensor | None]:
    """Two clips; of several persons the last is absent from the first clip."""
    size = (2, shape.num_channels, shape.num_frames, shape.num_joints, shape.num_persons)
    x = torch.randn(size, generator=torch.Generator().manual_seed(0))
    x[1, :, :, -1] = 0
    if shape.num_persons == 1:
        return x, None
    present = torch.ones(2, shape.num_persons, dtype=torch.bool)
    present[0, -1] = False
    x[0, ..., -1] = 0
    return x, present


def _pull(outputs: list[Tensor]) -> Tensor:
    """A number that every output element pulls on in a way of its own."""
    generator = torch.Generator().manual_seed(1)
    pulls = [(out * torch.randn(out.shape, generator=generator)).sum() for out in outputs]
    return torch.stack(pulls).sum()


def _uses_embedding(config: TrialConfig) -> bool:
    return config.loss.embedding is not None or _takes_embedding(build_classification(config))


def _takes_embedding(classification: nn.Module) -> bool:
    return isinstance(classification, MarginLoss) and classification.takes_embedding


def _weights(config: TrialConfig) -> str:
    return "" if config.init_weights is None else config.init_weights.sha256


def _gradients(leaves: Iterable[Tensor]) -> Iterator[Tensor]:
    """Those that are not zero, in the order of the leaves."""
    for leaf in leaves:
        if leaf.grad is not None and leaf.grad.any():
            yield leaf.grad


def _digest(tensors: Iterable[Tensor]) -> str:
    """Of shapes and bits."""
    sha = hashlib.sha256()
    for tensor in tensors:
        array = tensor.detach().contiguous().numpy()
        sha.update(str(array.shape).encode() + array.tobytes())
    return sha.hexdigest()[:16]


def _said(what: list[Any]) -> str:
    return json.dumps(what, sort_keys=True)

"""The frame of SLnL-rFA: streams of every person, one feature a clip and stream, three heads.

Legend: N clips, M persons, B = N*M rows, S streams, C channels, T frames, V joints, D features of
a stream, K classes.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from models.interface import ModelOutput, SkeletonModel
from models.person_fusion import (
    PersonFusion,
    fold_persons,
    fuse_persons,
    on_present_rows,
    present_persons,
)
from models.slnl_streams import Streams

FusionPoint = Literal["map", "vector"]
HeadPool = Literal["avg", "max", "flatten"]
Inference = Literal["cat", "sum"]

BOTH_STREAMS = "cat"  # the head on the features of all streams


@dataclass(frozen=True, kw_only=True)
class PersonOptions:
    """mask_absent: leave absent persons out, of the batch statistics too
    fuse_at: persons become one before the last map is pooled, or after
    """

    mask_absent: bool = True
    fusion: PersonFusion = "max"
    fuse_at: FusionPoint = "map"


@dataclass(frozen=True, kw_only=True)
class HeadOptions:
    """hidden: width of a layer with ReLU between each stream's pooled map and the classifiers
    infer: scores are those of the head on both streams, or the sum of all heads
    """

    pool: HeadPool = "avg"
    hidden: int = 0
    infer: Inference = "cat"

    def __post_init__(self) -> None:
        if self.hidden < 0:
            raise ValueError(f"head_hidden must be at least 0, got {self.hidden}")


class SLnLNetwork(SkeletonModel):
    """A head for every stream and, of two, one on both: heads `pos`, `vel`, `cat`.

    The embedding is what `cat`, or the only head, is given. Raises ValueError for clips of other
    (channels, joints) than `clip_sizes`, of fewer than `min_frames`, or of other than `num_frames`
    where that is given.
    """

    def __init__(
        self,
        streams: Streams,
        feature_dim: int,
        num_classes: int,
        *,
        persons: PersonOptions,
        heads: HeadOptions,
        clip_sizes: tuple[int, int],
        min_frames: int,
        num_frames: int | None,
    ) -> None:
        super().__init__()
        self.persons, self.heads = persons, heads
        self.clip_sizes = clip_sizes
        self.min_frames, self.num_frames = min_frames, num_frames
        self.streams = streams
        width = heads.hidden or feature_dim
        self.hidden = nn.ModuleDict(
            {name: _hidden(feature_dim, heads.hidden) for name in streams.streams}
        )
        self.embedding_dim = len(streams.streams) * width
        widths: dict[str, int] = dict.fromkeys(streams.streams, width)
        if len(widths) > 1:
            widths[BOTH_STREAMS] = self.embedding_dim
        self.classifiers = nn.ModuleDict(
            {head: _xavier_linear(size, num_classes) for head, size in widths.items()}
        )
        self.head_weights = dict.fromkeys(widths, 1.0)

    def forward(self, x: Tensor, present: Tensor | None = None) -> ModelOutput:
        self._check_sizes(*x.shape[1:4])
        pooled = self._pooled(x, present)
        features = {
            name: layer(pooled[:, i]) for i, (name, layer) in enumerate(self.hidden.items())
        }
        embedding = torch.cat(list(features.values()), dim=1)
        features[BOTH_STREAMS] = embedding
        logits = {name: head(features[name]) for name, head in self.classifiers.items()}
        return ModelOutput(logits, self._scores(logits), embedding)

    def _pooled(self, x: Tensor, present: Tensor | None) -> Tensor:
        """The feature of every clip and stream, (N, S, D)."""
        num_persons, how = x.shape[4], self.persons.fusion
        known = None
        if self.persons.mask_absent and num_persons > 1:
            known = present_persons(x, present)
        maps = on_present_rows(self.streams, fold_persons(x), known)  # B S C T' V'
        if self.persons.fuse_at == "vector":
            return fuse_persons(self._pool(maps), known, num_persons, how)
        return self._pool(fuse_persons(maps, known, num_persons, how))

    def _pool(self, maps: Tensor) -> Tensor:
        if self.heads.pool == "flatten":
            return maps.flatten(2)
        return maps.mean((3, 4)) if self.heads.pool == "avg" else maps.amax((3, 4))

    def _scores(self, logits: dict[str, Tensor]) -> Tensor:
        """Of the last head, which is the one on all streams, or of all heads together."""
        values = list(logits.values())
        return torch.stack(values).sum(0) if self.heads.infer == "sum" else values[-1]

    def _check_sizes(self, num_channels: int, given: int, num_joints: int) -> None:
        if (num_channels, num_joints) != self.clip_sizes:
            raise ValueError(
                f"clips must have (channels, joints) = {self.clip_sizes}, "
                f"got {(num_channels, num_joints)}"
            )
        if self.num_frames is not None and given != self.num_frames:
            raise ValueError(
                f"the model is tied to clips of {self.num_frames} frames (frequency attention or "
                f"flattened maps), got {given}"
            )
        if given < self.min_frames:
            raise ValueError(f"clips must have at least {self.min_frames} frames, got {given}")


def _hidden(in_features: int, width: int) -> nn.Module:
    if width == 0:
        return nn.Identity()
    return nn.Sequential(_xavier_linear(in_features, width), nn.ReLU())


def _xavier_linear(in_features: int, out_features: int) -> nn.Linear:
    linear = nn.Linear(in_features, out_features)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear

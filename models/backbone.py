"""The frame every ten-layer skeleton network shares: data norm, layers, pooling, classifier.

Legend: N batch, C channels, T frames, V joints, M persons, D embedding.
"""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

from torch import Tensor, nn

from models.interface import InputShape, ModelOutput, SkeletonModel
from models.norms import SeriesNorm
from models.persons import counted, draws_at_random, merge_absent
from models.pointwise import projection

Embedding = Literal["gap", "logits"]

STAGES = ((1, 4), (2, 3), (4, 3))  # (multiple of the width, number of layers)


class LayerPlan(NamedTuple):
    in_channels: int
    out_channels: int
    stride: int
    is_first: bool


def plan_layers(num_channels: int, width: int) -> list[LayerPlan]:
    """Four layers `width` wide, three twice and three four times as wide; stages halve T."""
    plan: list[LayerPlan] = []
    previous = num_channels
    for multiple, num_layers in STAGES:
        for position in range(num_layers):
            stride = 2 if position == 0 and multiple > 1 else 1
            plan.append(LayerPlan(previous, multiple * width, stride, is_first=not plan))
            previous = multiple * width
    return plan


class SpatialTemporalLayer(nn.Module):
    """ReLU(temporal(spatial(x)) + residual(x)); the first layer has no residual."""

    def __init__(self, spatial: nn.Module, temporal: nn.Module, plan: LayerPlan) -> None:
        super().__init__()
        self.spatial = spatial
        self.temporal = temporal
        self.residual: nn.Module | None = None
        if not plan.is_first:
            self.residual = projection(plan.in_channels, plan.out_channels, plan.stride)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.temporal(self.spatial(x))
        if self.residual is not None:
            out = out + self.residual(x)
        return out.relu()


class DataNorm(nn.Module):
    """Batch norm of every joint and channel over time; folds persons into the batch.

    (N, C, T, V, M) -> (N*M, C, T, V). Each person slot has statistics of its own unless they
    are `shared`.
    """

    def __init__(self, shape: InputShape, *, shared: bool = False) -> None:
        super().__init__()
        self.sizes = (shape.num_channels, shape.num_joints, shape.num_persons)
        self.shared = shared
        slots = 1 if shared else shape.num_persons
        self.num_features = slots * shape.num_joints * shape.num_channels
        self.norm = SeriesNorm(self.num_features)

    def forward(self, x: Tensor) -> Tensor:
        _, c, t, v, m = x.shape
        if (c, v, m) != self.sizes and not (self.shared and (c, v) == self.sizes[:2]):
            raise ValueError(
                f"clips must have (channels, joints, persons) = {self.sizes}, got {(c, v, m)}"
            )
        series = x.permute(0, 4, 3, 1, 2).reshape(-1, self.num_features, t)
        normed: Tensor = self.norm(series)
        return normed.view(-1, v, c, t).permute(0, 2, 3, 1).contiguous()


class SkeletonNetwork(SkeletonModel):
    """Data norm, `layers`, mean over T, V and M, dropout, linear classifier.

    Absent persons (all zero) take part in the mean, as in the papers; where `present` tells of
    them they are computed once. The classifier's weight starts with the deviation
    sqrt(2 / num_classes), or as `nn.Linear` does if `default_classifier`.
    """

    def __init__(
        self,
        shape: InputShape,
        layers: Iterable[nn.Module],
        feature_dim: int,
        *,
        dropout: float = 0.0,
        embed: Embedding = "gap",
        shared_data_norm: bool = False,
        default_classifier: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}")
        self.embed = embed
        self.embedding_dim = feature_dim if embed == "gap" else shape.num_classes
        self.head_weights = {"main": 1.0}
        self.data_norm = DataNorm(shape, shared=shared_data_norm)
        self.layers = nn.Sequential(*layers)
        self.draws_at_random = draws_at_random(self.layers)
        self.dropout = nn.Dropout(dropout)
        classifier = nn.Linear(feature_dim, shape.num_classes)
        if not default_classifier:
            nn.init.normal_(classifier.weight, std=math.sqrt(2 / shape.num_classes))
        self.classifiers = nn.ModuleDict({"main": classifier})

    def forward(self, x: Tensor, present: Tensor | None = None) -> ModelOutput:
        rows = self._pooled(self.data_norm(x), present)
        feature = self.dropout(rows.view(x.shape[0], -1, rows.shape[-1]).mean(1))
        logits: Tensor = self.classifiers["main"](feature)
        embedding = feature if self.embed == "gap" else logits
        return ModelOutput(heads={"main": logits}, scores=logits, embedding=embedding)

    def _pooled(self, rows: Tensor, present: Tensor | None) -> Tensor:
        """The feature of every person, (N*M, D)."""
        may_merge = not (self.training and self.draws_at_random)
        merged = merge_absent(present) if may_merge else None
        if merged is None:
            maps: Tensor = self.layers(rows)
            return maps.mean((2, 3))
        with counted(self.layers, merged.counts):
            maps = self.layers(rows[merged.kept])
        return maps.mean((2, 3))[merged.place]

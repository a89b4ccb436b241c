"""The two heads of DualHead-Net, fine and coarse in time, and what they tell each other.

Legend: N clips, M persons, B rows (persons folded in), C channels, T frames, V joints, r the rate
at which the coarse head samples frames, K classes.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from models.backbone import DataNorm
from models.channels_last import every_nth_frame
from models.cross_attention import Alignment, FrameAttention, JointAttention
from models.interface import InputShape, ModelOutput, SkeletonModel
from models.persons import counted, merge_absent

AttentionKind = Literal["cross", "self", "none"]
AttentionSource = Literal["next", "same"]
Fusion = Literal["softmax", "logits"]


@dataclass(frozen=True, kw_only=True)
class AttentionOptions:
    """Which map each head is weighted by, and how frames of the heads are matched.

    `cross` is the other head, `self` the map that is weighted. Cross temporal attention reads the
    fine head's `next` map, or the `same` that its block is given. Raises ValueError on a rate
    below 1.
    """

    temporal: AttentionKind
    spatial: AttentionKind
    alignment: Alignment
    source: AttentionSource
    rate: int

    def __post_init__(self) -> None:
        if self.rate < 1:
            raise ValueError(f"subsampling_rate must be at least 1, got {self.rate}")

    def frames(self, fine: int, coarse: int) -> FrameAttention | None:
        """For a stage that is given maps with so many channels."""
        if self.temporal == "none":
            return None
        if self.temporal == "self":
            return FrameAttention(coarse)
        if self.source == "same":
            return FrameAttention(fine, ratio=(self.rate, 1), alignment=self.alignment)
        return FrameAttention(2 * fine, ratio=(self.rate, 2), alignment=self.alignment)

    def joints(self, fine: int, coarse: int, num_joints: int) -> JointAttention | None:
        """For a stage that is given maps with so many channels."""
        if self.spatial == "none":
            return None
        return JointAttention(2 * (fine if self.spatial == "self" else coarse), num_joints)


class Stage(nn.Module):
    """One block of each head: fine (B, C, T, V), coarse (B, C', T', V), both strided by two.

    The coarse map is weighted by frame before its block, the fine map by joint after its block
    (arXiv 2108.04536, section 3.3).
    """

    def __init__(
        self,
        fine: nn.Module,
        coarse: nn.Module,
        frames: FrameAttention | None,
        joints: JointAttention | None,
        attention: AttentionOptions,
    ) -> None:
        super().__init__()
        self.fine = fine
        self.coarse = coarse
        self.frames = frames
        self.joints = joints
        self.attention = attention

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        given, fine = fine, self.fine(fine)
        if self.frames is not None:
            cross = fine if self.attention.source == "next" else given
            coarse = self.frames(coarse, coarse if self.attention.temporal == "self" else cross)
        coarse = self.coarse(coarse)
        if self.joints is not None:
            fine = self.joints(fine, fine if self.attention.spatial == "self" else coarse)
        return fine, coarse


class TwoHeads(nn.Module):
    """Backbone and stages: (B, C, T, V) -> pooled features of the fine and the coarse head, (B, D).

    The features are side by side, fine first.
    """

    def __init__(
        self, backbone: nn.Module, embed: nn.Module, stages: Iterable[Stage], rate: int
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.embed = embed
        self.stages = nn.ModuleList(stages)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        x = self.backbone(x)
        fine, coarse = self.embed(x), every_nth_frame(x, self.rate)
        for stage in self.stages:
            fine, coarse = stage(fine, coarse)
        return torch.cat((fine.mean((2, 3)), coarse.mean((2, 3))), dim=1)


@dataclass(frozen=True, kw_only=True)
class FusionOptions:
    """How the heads' scores are fused and what their losses count.

    The scores are log(share * softmax(coarse) + (1 - share) * softmax(fine)) or the same mean of
    the logits. Raises ValueError on a share outside of 0 to 1 or weights below 0.
    """

    kind: Fusion
    coarse_share: float
    fine_loss_weight: float
    coarse_loss_weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.coarse_share <= 1:
            raise ValueError(f"coarse_share must be in 0 to 1, got {self.coarse_share}")
        weights = (self.fine_loss_weight, self.coarse_loss_weight)
        if min(weights) < 0 or max(weights) == 0:
            raise ValueError(
                "fine_loss_weight and coarse_loss_weight must be at least 0, one of them more, "
                f"got {weights[0]} and {weights[1]}"
            )

    def scores(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """(N, K) from the logits (N, K), in float32 at least."""
        fine, coarse = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (fine, coarse))
        if self.kind == "logits":
            return torch.lerp(fine, coarse, self.coarse_share)
        return torch.logaddexp(
            fine.log_softmax(1) + _log(1 - self.coarse_share),
            coarse.log_softmax(1) + _log(self.coarse_share),
        )


class DualHeadNetwork(SkeletonModel):
    """Data norm, `body`, mean over persons, one linear classifier a head.

    Absent persons take part in the mean and are computed once where `present` tells of them. The
    embedding is the feature of both heads, fine first.
    """

    def __init__(
        self,
        shape: InputShape,
        body: TwoHeads,
        feature_dims: dict[str, int],
        fusion: FusionOptions,
    ) -> None:
        super().__init__()
        self.feature_dims = tuple(feature_dims.values())
        self.embedding_dim = sum(self.feature_dims)
        self.head_weights = {
            "fine": fusion.fine_loss_weight,
            "coarse": fusion.coarse_loss_weight,
        }
        self.fusion = fusion
        self.data_norm = DataNorm(shape)
        self.body = body
        self.classifiers = nn.ModuleDict(
            {name: nn.Linear(dim, shape.num_classes) for name, dim in feature_dims.items()}
        )

    def forward(self, x: Tensor, present: Tensor | None = None) -> ModelOutput:
        rows = self._features(self.data_norm(x), present)
        embedding = rows.view(x.shape[0], -1, self.embedding_dim).mean(1)
        features = torch.split(embedding, list(self.feature_dims), dim=1)
        heads: dict[str, Tensor] = {
            name: classifier(feature)
            for (name, classifier), feature in zip(self.classifiers.items(), features, strict=True)
        }
        return ModelOutput(heads, self.fusion.scores(**heads), embedding)

    def _features(self, rows: Tensor, present: Tensor | None) -> Tensor:
        """The features of every person, (N*M, D)."""
        merged = merge_absent(present)
        if merged is None:
            features: Tensor = self.body(rows)
            return features
        with counted(self.body, merged.counts):
            features = self.body(rows[merged.kept])
        return features[merged.place]


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf

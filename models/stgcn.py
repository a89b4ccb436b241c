"""ST-GCN, also with CVSTA plugged in (arXiv 1801.07455; MDR-GCN, table I).

Legend: N batch (persons folded in), C channels in, C' out, R middle channels, K subsets, T frames,
V joints (v source, w target).
"""

from typing import Literal

import torch
from torch import Tensor, nn

from models.backbone import Embedding, LayerPlan, SkeletonNetwork, SpatialTemporalLayer, plan_layers
from models.graphs import Distance, Graph, build_adjacency
from models.interface import InputShape, SkeletonModel
from models.norms import BodyNorm
from models.pointwise import Pointwise, SubsetPointwise
from models.topology import ACTIVATIONS, Activation, HeadOrder

DEVIATION = 0.02  # of all weights at the start
FIRST_LAYER_MID_CHANNELS = 8
SECOND_LAYER = 1  # the one that ST-GCN as described does not have


class FeatureAttention(nn.Module):
    """CVSTA alone (MDR-GCN, eq. 3): S (N, K, C', T, V) of x (N, C, T, V)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        mid_channels: int,
        subsets: int,
        activation: Activation,
        head_order: HeadOrder,
    ) -> None:
        super().__init__()
        self.subsets = subsets
        self.head_order = head_order
        self.joint_vectors = Pointwise(in_channels, mid_channels, copies=subsets)
        self.frame_vectors = Pointwise(in_channels, mid_channels, copies=subsets)
        self.head = SubsetPointwise(mid_channels, out_channels, subsets)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        joints = self.joint_vectors(x.mean(2, keepdim=True))
        frames = self.frame_vectors(x.mean(3, keepdim=True))
        outer = frames * joints
        outer = outer.view(x.shape[0], self.subsets, -1, *outer.shape[2:])
        if self.head_order == "conv_act":
            attention: Tensor = self.activation(self.head(outer))
        else:
            attention = self.head(self.activation(outer))
        return attention


class PartitionedGraphConv(nn.Module):
    """sum_k (S_k * W_k x) (A_k * E_k): (N, C, T, V) -> (N, C', T, V), the column is the target.

    E is the learnt importance of each edge, one if `importance` is off; S is one without attention.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        adjacency: Tensor,
        *,
        importance: bool,
        attention: nn.Module | None,
    ) -> None:
        super().__init__()
        self.adjacency: Tensor
        self.register_buffer("adjacency", adjacency.to(torch.get_default_dtype()))
        self.importance = nn.Parameter(torch.ones_like(self.adjacency)) if importance else None
        self.features = Pointwise(in_channels, out_channels, copies=len(adjacency))
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        n, _, t, v = x.shape
        features: Tensor = self.features(x).view(n, len(self.adjacency), -1, t, v)
        if self.attention is not None:
            features = features * self.attention(x)
        edges = self.adjacency if self.importance is None else self.adjacency * self.importance
        y: Tensor = features.flatten(2, 3) @ edges.to(features.dtype)  # N K C'*T V
        return y.sum(1).view(n, -1, t, v)


class TemporalUnit(nn.Module):
    """Batch norm, ReLU, convolution over time, batch norm, dropout: T becomes ceil(T / stride)."""

    def __init__(self, channels: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.entry_norm = BodyNorm(channels)
        padding = (kernel // 2, 0)
        self.conv = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), padding)
        self.exit_norm = BodyNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        entry: Tensor = self.entry_norm(x)
        out: Tensor = self.dropout(self.exit_norm(self.conv(entry.relu_())))
        return out


def stgcn(
    shape: InputShape,
    *,
    width: int = 64,
    num_layers: Literal[9, 10] = 10,
    temporal_kernel: int = 9,
    edge_importance: bool = True,
    cvsta: bool = False,
    cvsta_ratio: int = 8,
    share_cvsta: bool = False,
    activation: Activation = "tanh",
    head_order: HeadOrder = "act_conv",
    graph: Graph = "stgcn_spatial",
    distance: Distance = "truncated",
    embed: Embedding = "gap",
    dropout: float = 0.5,
) -> SkeletonModel:
    """ST-GCN with the choices of its paper and code, and MDR-GCN's attention as an option.

    Args:
        shape: sizes and skeleton of the clips.
        width: channels of the first stage; the later ones have twice and four times as many.
        num_layers: 10 as released, or 9 as described.
        temporal_kernel: frames of the temporal convolutions, odd.
        edge_importance: learn how much each edge counts, in every layer.
        cvsta: refine the features of each subset before they are aggregated.
        cvsta_ratio: the attention has C // cvsta_ratio middle channels, 8 in the first layer.
        share_cvsta: one attention for the three subsets.
        activation: of the attention.
        head_order: activation before the attention's last 1x1 convolution or after it.
        graph: how the skeleton becomes the three adjacency subsets.
        distance: `truncated` as released, or `true` distances from the centre.
        embed: the embedding is the pooled feature or the logits.
        dropout: at the end of every layer but the first.

    Raises:
        ValueError: on sizes out of range or an even kernel.
    """
    if width < 1 or cvsta_ratio < 1:
        raise ValueError(
            "width and cvsta_ratio must be at least 1, "
            f"got width={width}, cvsta_ratio={cvsta_ratio}"
        )
    if temporal_kernel < 1 or temporal_kernel % 2 == 0:
        raise ValueError(f"temporal_kernel must be odd, got {temporal_kernel}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}")
    adjacency = build_adjacency(graph, distance, shape.edges, shape.centre, shape.num_joints)

    def attention(plan: LayerPlan) -> nn.Module | None:
        if not cvsta:
            return None
        mid = max(1, plan.in_channels // cvsta_ratio)
        mid = FIRST_LAYER_MID_CHANNELS if plan.is_first else mid
        subsets = 1 if share_cvsta else len(adjacency)
        sizes = (plan.in_channels, plan.out_channels, mid, subsets)
        return FeatureAttention(*sizes, activation, head_order)

    def layer(plan: LayerPlan) -> nn.Module:
        sizes = (plan.in_channels, plan.out_channels)
        conv = PartitionedGraphConv(
            *sizes, adjacency, importance=edge_importance, attention=attention(plan)
        )
        rate = 0.0 if plan.is_first else dropout
        temporal = TemporalUnit(plan.out_channels, temporal_kernel, plan.stride, rate)
        return SpatialTemporalLayer(conv, temporal, plan)

    plans = plan_layers(shape.num_channels, width)
    if num_layers == 9:
        del plans[SECOND_LAYER]
    network = SkeletonNetwork(
        shape,
        map(layer, plans),
        plans[-1].out_channels,
        embed=embed,
        shared_data_norm=True,
    )
    for name, module in network.named_modules():
        if ".attention." not in name:
            _draw(module)
    return network


def _draw(module: nn.Module) -> None:
    """Weights of convolutions around zero, those of norms around one, biases zero.

    The attention starts as in MDR-GCN: a product of weights this small would be nothing.
    """
    if isinstance(module, Pointwise | nn.Conv2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, DEVIATION)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d | BodyNorm):
        nn.init.normal_(module.weight, 1.0, DEVIATION)

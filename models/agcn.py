"""2s-AGCN, one of its two streams: adaptive graph convolution (arXiv 1805.07694).

Legend: N batch (persons folded in), C channels in, C' out, E embedding channels, K subsets,
T frames, V joints (v source, w target).
"""

import torch
from torch import Tensor, nn

from models.backbone import Embedding, LayerPlan, SkeletonNetwork, SpatialTemporalLayer, plan_layers
from models.graphs import Distance, Graph, build_adjacency
from models.interface import InputShape, SkeletonModel
from models.norms import BodyNorm
from models.pointwise import Pointwise, SummedPointwise, init_conv
from models.topology import TopologyUnit

EMBEDDING_SHARE = 4


class AdaptiveGraphConv(nn.Module):
    """sum_k W_k x (A_k + B_k + S_k): (N, C, T, V) -> (N, C', T, V).

    A is the graph, B is learnt from almost zero, S is the clip's own: a softmax over v of the
    products of two embeddings of every joint over all frames (eq. 3-4). The column is the target.
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        subsets = len(adjacency)
        self.num_subsets = subsets
        self.adjacency: Tensor
        self.register_buffer("adjacency", adjacency.to(torch.get_default_dtype()))
        self.learnt = nn.Parameter(torch.full_like(self.adjacency, 1e-6))
        width = out_channels // EMBEDDING_SHARE
        self.embeddings = Pointwise(in_channels, width, copies=2 * subsets)
        self.values = SummedPointwise(in_channels, out_channels, subsets)

    def forward(self, x: Tensor) -> Tensor:
        adjacency = self.adjacency + self.learnt + self._attention(x)  # N K V V
        gathered = x.flatten(1, 2).unsqueeze(1) @ adjacency  # N K C*T V
        y: Tensor = self.values(gathered.view(x.shape[0], -1, *x.shape[2:]))
        return y

    def _attention(self, x: Tensor) -> Tensor:
        """S (N, K, V, V); its columns sum to one."""
        both = self.embeddings(x).view(x.shape[0], 2, self.num_subsets, -1, x.shape[-1])
        theta, phi = both.unbind(1)  # N K E*T V
        products: Tensor = theta.mT @ phi / theta.shape[2]
        return products.softmax(2)


class TemporalConv(nn.Module):
    """Convolution over time and batch norm: (N, C, T, V) -> (N, C, ceil(T / stride), V)."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        padding = (kernel // 2, 0)
        self.conv = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), padding)
        init_conv(self.conv)
        self.norm = BodyNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x))
        return out


def agcn(
    shape: InputShape,
    *,
    width: int = 64,
    temporal_kernel: int = 9,
    graph: Graph = "digraph",
    distance: Distance = "truncated",
    embed: Embedding = "gap",
    dropout: float = 0.0,
) -> SkeletonModel:
    """2s-AGCN for one stream; the paper adds the scores of a joint and a bone network.

    Args:
        shape: sizes and skeleton of the clips.
        width: channels of the first stage; the later ones have twice and four times as many.
        temporal_kernel: frames of the temporal convolutions, odd.
        graph: how the skeleton becomes the three adjacency subsets.
        distance: of `graph: stgcn_spatial`, see `graphs.stgcn_spatial`.
        embed: the embedding is the pooled feature or the logits.
        dropout: before the classifier.

    Raises:
        ValueError: on a width that is not a positive multiple of four, or an even kernel.
    """
    if width < EMBEDDING_SHARE or width % EMBEDDING_SHARE:
        raise ValueError(f"width must be a positive multiple of {EMBEDDING_SHARE}, got {width}")
    if temporal_kernel < 1 or temporal_kernel % 2 == 0:
        raise ValueError(f"temporal_kernel must be odd, got {temporal_kernel}")
    adjacency = build_adjacency(graph, distance, shape.edges, shape.centre, shape.num_joints)

    def layer(plan: LayerPlan) -> nn.Module:
        conv = AdaptiveGraphConv(plan.in_channels, plan.out_channels, adjacency)
        spatial = TopologyUnit(conv, plan.in_channels, plan.out_channels)
        temporal = TemporalConv(plan.out_channels, temporal_kernel, plan.stride)
        return SpatialTemporalLayer(spatial, temporal, plan)

    plans = plan_layers(shape.num_channels, width)
    layers = [layer(plan) for plan in plans]
    return SkeletonNetwork(shape, layers, plans[-1].out_channels, dropout=dropout, embed=embed)

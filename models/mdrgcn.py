"""MDR-GCN: CVSTA-refined dynamic graph convolution and multi-scale TCN (arXiv 2306.15321)."""

from typing import Literal

from torch import nn

from models.backbone import Embedding, LayerPlan, SkeletonNetwork, SpatialTemporalLayer, plan_layers
from models.graphs import Distance, Graph, build_adjacency
from models.interface import InputShape, SkeletonModel
from models.temporal import MultiScaleTemporalConv, check_temporal_options
from models.topology import (
    Activation,
    AlphaSharing,
    HeadOrder,
    Pair,
    TopologyGraphConv,
    TopologyOptions,
    TopologyUnit,
)

MidChannels = Literal["ratio", "equal", "const"]

FIRST_LAYER_MID_CHANNELS = 8


def mdrgcn(
    shape: InputShape,
    *,
    width: int = 64,
    cvsta: bool = True,
    cvsta_ratio: int = 8,
    c_mid: MidChannels = "ratio",
    c_mid_channels: int = 8,
    temporal_kernels: tuple[int, ...] = (3, 5),
    dilations: tuple[int, ...] = (1, 2),
    activation: Activation = "tanh",
    head_order: HeadOrder = "act_conv",
    pair: Pair = "add",
    share_spatial: bool = True,
    alpha_per: AlphaSharing = "layer",
    graph: Graph = "digraph",
    distance: Distance = "truncated",
    embed: Embedding = "gap",
    dropout: float = 0.0,
) -> SkeletonModel:
    """MDR-GCN with the paper's ablations as options.

    Args:
        shape: sizes and skeleton of the clips.
        width: channels of the first stage; the later ones have twice and four times as many.
        cvsta: refine features by the spatio-temporal attention (table I); off leaves the rest.
        cvsta_ratio: C_mid = C_in // cvsta_ratio, 8 in the first layer (table II).
        c_mid: `ratio`; `equal`, C_mid = C_in but 8 in the first layer; `const` everywhere.
        c_mid_channels: C_mid of `c_mid: const`.
        temporal_kernels: one MS-TCN each, summed; K of table VI is (5), (3, 5), (3, 5, 7).
        dilations: of the convolutions in each MS-TCN.
        activation: sigma of both attention heads (table VI).
        head_order: activation before the 1x1 convolution (released code) or after it (figure).
        pair: how the dynamic topology combines two joints (eq. 5).
        share_spatial: one spatial vector for attention and topology (paper), or one each.
        alpha_per: one scale of the dynamic topology a layer (released code) or a subset.
        graph: how the skeleton becomes the three adjacency subsets.
        distance: of `graph: stgcn_spatial`, see `graphs.stgcn_spatial`.
        embed: the embedding is the pooled feature (released code) or the logits (text).
        dropout: before the classifier.

    Raises:
        ValueError: on a width the temporal branches cannot share, or sizes out of range.
    """
    check_temporal_options(width, temporal_kernels, dilations)
    _check_positive(cvsta_ratio=cvsta_ratio, c_mid_channels=c_mid_channels)
    adjacency = build_adjacency(graph, distance, shape.edges, shape.centre, shape.num_joints)
    options = TopologyOptions(
        cvsta=cvsta,
        pair=pair,
        activation=activation,
        head_order=head_order,
        share_spatial=share_spatial,
        alpha_per=alpha_per,
    )

    def layer(plan: LayerPlan) -> nn.Module:
        mid = _mid_channels(plan, c_mid, cvsta_ratio, c_mid_channels)
        conv = TopologyGraphConv(plan.in_channels, plan.out_channels, mid, adjacency, options)
        spatial = TopologyUnit(conv, plan.in_channels, plan.out_channels)
        temporal = MultiScaleTemporalConv(
            plan.out_channels, temporal_kernels, dilations, plan.stride
        )
        return SpatialTemporalLayer(spatial, temporal, plan)

    plans = plan_layers(shape.num_channels, width)
    layers = [layer(plan) for plan in plans]
    return SkeletonNetwork(shape, layers, plans[-1].out_channels, dropout=dropout, embed=embed)


def _mid_channels(plan: LayerPlan, c_mid: MidChannels, ratio: int, constant: int) -> int:
    if c_mid == "const":
        return constant
    if plan.is_first:
        return FIRST_LAYER_MID_CHANNELS
    return plan.in_channels if c_mid == "equal" else max(1, plan.in_channels // ratio)


def _check_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")

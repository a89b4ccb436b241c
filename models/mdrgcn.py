"""MDR-GCN: CVSTA-refined dynamic graph convolution and multi-scale TCN (arXiv 2306.15321)."""

from typing import Literal

from torch import nn

from models.backbone import Embedding, LayerPlan, SkeletonNetwork, SpatialTemporalLayer, plan_layers
from models.graphs import Distance, Graph, build_adjacency
from models.interface import InputShape, SkeletonModel
from models.joint_attention import JointAttention
from models.learnable_gc import LearnableGraphConv
from models.self_attention_gc import SelfAttentionGraphConv
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
GraphConv = Literal["ctr_gc", "sa_gc", "learnable"]

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
    graph_conv: GraphConv = "ctr_gc",
    joint_attention: bool = False,
    joint_attention_reduction: int = 4,
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
        graph_conv: CTR-GC; InfoGCN's SA-GC; or a learnt adjacency alone (table III). The last two
            have no CVSTA, and the options of attention and topology mean nothing to them.
        joint_attention: EfficientGCN's ST-JointAtt at the end of every layer (table III).
        joint_attention_reduction: channels of a layer / channels of its bottleneck.
        graph: how the skeleton becomes the three adjacency subsets.
        distance: of `graph: stgcn_spatial`, see `graphs.stgcn_spatial`.
        embed: the embedding is the pooled feature (released code) or the logits (text).
        dropout: before the classifier.

    Raises:
        ValueError: on a width the temporal branches cannot share, sizes out of range, or CVSTA in
            a graph convolution that has none.
    """
    check_temporal_options(width, temporal_kernels, dilations)
    _check_positive(
        cvsta_ratio=cvsta_ratio,
        c_mid_channels=c_mid_channels,
        joint_attention_reduction=joint_attention_reduction,
    )
    if cvsta and graph_conv != "ctr_gc":
        raise ValueError(f"cvsta must be false unless graph_conv is ctr_gc, got {graph_conv}")
    adjacency = build_adjacency(graph, distance, shape.edges, shape.centre, shape.num_joints)
    options = TopologyOptions(
        cvsta=cvsta,
        pair=pair,
        activation=activation,
        head_order=head_order,
        share_spatial=share_spatial,
        alpha_per=alpha_per,
    )

    def spatial(plan: LayerPlan) -> nn.Module:
        channels = plan.in_channels, plan.out_channels
        if graph_conv == "sa_gc":
            return SelfAttentionGraphConv(*channels, shape.num_joints, num_heads=len(adjacency))
        if graph_conv == "learnable":
            return LearnableGraphConv(*channels, adjacency)
        mid = _mid_channels(plan, c_mid, cvsta_ratio, c_mid_channels)
        return TopologyGraphConv(*channels, mid, adjacency, options)

    def temporal(plan: LayerPlan) -> nn.Module:
        channels = plan.out_channels
        conv = MultiScaleTemporalConv(channels, temporal_kernels, dilations, plan.stride)
        if not joint_attention:
            return conv
        return nn.Sequential(conv, JointAttention(channels, joint_attention_reduction))

    def layer(plan: LayerPlan) -> nn.Module:
        unit = TopologyUnit(spatial(plan), plan.in_channels, plan.out_channels)
        return SpatialTemporalLayer(unit, temporal(plan), plan)

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

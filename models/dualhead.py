"""DualHead-Net: MS-G3D with a fine and a coarse head in time (arXiv 2108.04536)."""

from torch import nn

from models.channels_last import ChannelLinear
from models.cross_attention import Alignment
from models.dualhead_network import (
    AttentionKind,
    AttentionOptions,
    AttentionSource,
    DualHeadNetwork,
    Fusion,
    FusionOptions,
    Stage,
    TwoHeads,
)
from models.interface import InputShape, SkeletonModel
from models.multiscale import Aggregation
from models.multiscale_temporal import check_branches
from models.stgc import GraphOptions, SpatialTemporalBlock, check_windows


def dualhead(
    shape: InputShape,
    *,
    width: int = 96,
    gcn_scales: int = 9,
    g3d_scales: int = 6,
    fine_width: int = 48,
    windows: tuple[int, ...] = (3, 5),
    coarse_windows: tuple[int, ...] = (3,),
    dilations: tuple[int, ...] = (1, 2, 3, 4),
    coarse_dilations: tuple[int, ...] = (1, 2),
    subsampling_rate: int = 2,
    temporal_attention: AttentionKind = "cross",
    spatial_attention: AttentionKind = "cross",
    attention_alignment: Alignment = "index",
    attention_source: AttentionSource = "next",
    fuse: Fusion = "softmax",
    coarse_share: float = 0.5,
    fine_loss_weight: float = 0.5,
    coarse_loss_weight: float = 0.5,
    embed_when_equal: bool = True,
    aggregation: Aggregation = "disentangled",
    learnable_mask: bool = True,
    recompute: bool = True,
) -> SkeletonModel:
    """DualHead-Net as for NTU RGB+D, with the paper's ablations as options.

    Args:
        shape: sizes and skeleton of the clips.
        width: channels of the backbone; the coarse head has twice and four times as many.
        gcn_scales: K of the factorised pathways, hops 0 to K - 1.
        g3d_scales: K of the G3D pathways.
        fine_width: channels the fine head starts from, 96, 48 or 24 (table 5).
        windows: frames of each G3D pathway of backbone and fine head, odd.
        coarse_windows: of the coarse head; (), (3,) or (3, 5) (table 6).
        dilations: of the convolutions in each MS-TCN of backbone and fine head.
        coarse_dilations: of the coarse head.
        subsampling_rate: the coarse head sees every r-th frame; 1, 2 or 4 (table 7).
        temporal_attention: frames of the coarse head are weighted by the fine head, by the coarse
            head itself, or not at all (tables 4 and 8).
        spatial_attention: joints of the fine head by the coarse head, by itself, or not at all.
        attention_alignment: which of the fine head's frames weight a coarse frame for other rates
            than 2: the one at or before it, the neighbours by distance, or the mean up to the next.
        attention_source: cross temporal attention reads the fine head's next block, as long as the
            coarse map at rate 2, or the one before, as long at rate 1.
        fuse: scores are the log of the heads' mean probabilities (paper) or their mean logits
            (released code).
        coarse_share: of the coarse head in that mean.
        fine_loss_weight: of the fine head's loss.
        coarse_loss_weight: of the coarse head's loss.
        embed_when_equal: keep the 1x1 convolution into the fine head where it narrows nothing.
        aggregation: nodes exactly k hops apart, or powers of the normalised neighbourhood.
        learnable_mask: a dense matrix added to every adjacency.
        recompute: make the maps of all scales, K times as large as the others, again in the
            backward pass; off keeps them, a few percent faster with two thirds more memory.

    Raises:
        ValueError: on a width the temporal branches cannot share, or sizes out of range.
    """
    check_branches("width", width, dilations)
    check_branches("2 * fine_width", 2 * fine_width, dilations)
    check_branches("2 * width", 2 * width, coarse_dilations)
    check_windows(windows + coarse_windows)
    graph = GraphOptions(
        edges=shape.edges,
        num_joints=shape.num_joints,
        gcn_scales=gcn_scales,
        g3d_scales=g3d_scales,
        aggregation=aggregation,
        learnable_mask=learnable_mask,
        recompute=recompute,
    )
    attention = AttentionOptions(
        temporal=temporal_attention,
        spatial=spatial_attention,
        alignment=attention_alignment,
        source=attention_source,
        rate=subsampling_rate,
    )
    fusion = FusionOptions(
        kind=fuse,
        coarse_share=coarse_share,
        fine_loss_weight=fine_loss_weight,
        coarse_loss_weight=coarse_loss_weight,
    )

    def stage(fine: int, coarse: int) -> Stage:
        return Stage(
            SpatialTemporalBlock(fine, 2 * fine, graph, windows, dilations, stride=2),
            SpatialTemporalBlock(
                coarse, 2 * coarse, graph, coarse_windows, coarse_dilations, stride=2
            ),
            attention.frames(fine, coarse),
            attention.joints(fine, coarse, shape.num_joints),
            attention,
        )

    body = TwoHeads(
        SpatialTemporalBlock(shape.num_channels, width, graph, windows, dilations, is_first=True),
        _embedding(width, fine_width, embed_when_equal),
        (stage(fine_width, width), stage(2 * fine_width, 2 * width)),
        subsampling_rate,
    )
    return DualHeadNetwork(shape, body, {"fine": 4 * fine_width, "coarse": 4 * width}, fusion)


def _embedding(width: int, fine_width: int, embed_when_equal: bool) -> nn.Module:
    if width == fine_width and not embed_when_equal:
        return nn.Identity()
    return ChannelLinear(width, fine_width)

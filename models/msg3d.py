"""MS-G3D: disentangled multi-scale graph convolution across space and time (arXiv 2003.14111)."""

from models.backbone import Embedding, SkeletonNetwork
from models.interface import InputShape, SkeletonModel
from models.multiscale import Aggregation
from models.multiscale_temporal import check_branches
from models.stgc import GraphOptions, SpatialTemporalBlock, check_windows


def msg3d(
    shape: InputShape,
    *,
    width: int = 96,
    gcn_scales: int = 13,
    g3d_scales: int = 6,
    windows: tuple[int, ...] = (3, 5),
    dilations: tuple[int, ...] = (1, 2, 3, 4),
    aggregation: Aggregation = "disentangled",
    learnable_mask: bool = True,
    recompute: bool = True,
    embed: Embedding = "gap",
    dropout: float = 0.0,
) -> SkeletonModel:
    """MS-G3D as for NTU RGB+D; for Kinetics 8 scales each (the released code).

    Args:
        shape: sizes and skeleton of the clips.
        width: channels of the first block; the others have twice and four times as many.
        gcn_scales: K of the factorised pathway, hops 0 to K - 1.
        g3d_scales: K of the G3D pathway.
        windows: frames of each G3D pathway, odd; none leaves the factorised pathway alone.
        dilations: of the convolutions in each MS-TCN.
        aggregation: nodes exactly k hops apart, or powers of the normalised neighbourhood.
        learnable_mask: a dense matrix added to every adjacency.
        recompute: make the maps of all scales, K times as large as the others, again in the
            backward pass; off keeps them, a few percent faster with two thirds more memory.
        embed: the embedding is the pooled feature or the logits.
        dropout: before the classifier.

    Raises:
        ValueError: on a width the temporal branches cannot share, or sizes out of range.
    """
    check_branches("width", width, dilations)
    check_windows(windows)
    graph = GraphOptions(
        edges=shape.edges,
        num_joints=shape.num_joints,
        gcn_scales=gcn_scales,
        g3d_scales=g3d_scales,
        aggregation=aggregation,
        learnable_mask=learnable_mask,
        recompute=recompute,
    )
    sizes = ((shape.num_channels, width), (width, 2 * width), (2 * width, 4 * width))
    blocks = [
        SpatialTemporalBlock(
            *channels,
            graph,
            windows,
            dilations,
            stride=2 if number else 1,
            is_first=number == 0,
        )
        for number, channels in enumerate(sizes)
    ]
    return SkeletonNetwork(
        shape, blocks, 4 * width, dropout=dropout, embed=embed, default_classifier=True
    )

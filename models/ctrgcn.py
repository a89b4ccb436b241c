"""CTR-GCN: channel-wise topology refinement graph convolution (arXiv 2107.12213)."""

from models.backbone import Embedding
from models.graphs import Distance, Graph
from models.interface import InputShape, SkeletonModel
from models.mdrgcn import mdrgcn


def ctrgcn(
    shape: InputShape,
    *,
    width: int = 64,
    rel_reduction: int = 8,
    cvsta: bool = False,
    temporal_kernels: tuple[int, ...] = (5,),
    dilations: tuple[int, ...] = (1, 2),
    graph: Graph = "digraph",
    distance: Distance = "truncated",
    embed: Embedding = "gap",
    dropout: float = 0.0,
) -> SkeletonModel:
    """CTR-GCN: the network that MDR-GCN extends, so built as its special case.

    No attention unless `cvsta`, the topology compares joints by subtraction, one MS-TCN of
    kernel 5. `rel_reduction` r gives the relation C_in // r channels, 8 in the first layer.

    Raises:
        ValueError: on a width the temporal branches cannot share, or sizes out of range.
    """
    if rel_reduction < 1:
        raise ValueError(f"rel_reduction must be at least 1, got {rel_reduction}")
    return mdrgcn(
        shape,
        width=width,
        cvsta=cvsta,
        cvsta_ratio=rel_reduction,
        pair="sub",
        temporal_kernels=temporal_kernels,
        dilations=dilations,
        graph=graph,
        distance=distance,
        embed=embed,
        dropout=dropout,
    )

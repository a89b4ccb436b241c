"""The block of MS-G3D (STGC): a factorised pathway beside one G3D convolution a window.

Legend: B rows (persons folded in), C channels in, C' out, T frames, V joints,
T' = ceil(T / stride).
"""

from dataclasses import dataclass

from torch import Tensor, nn

from models.g3d import WindowGraphConv
from models.graphs import Edges
from models.multiscale import Aggregation, MultiScaleGraphConv, ScaleAdjacency, scale_stack
from models.multiscale_temporal import MultiScaleTemporal


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """The skeleton of a network, its scales, and what its blocks do with them."""

    edges: Edges
    num_joints: int
    gcn_scales: int
    g3d_scales: int
    aggregation: Aggregation
    learnable_mask: bool
    recompute: bool

    def adjacency(self, num_scales: int, window: int = 1) -> ScaleAdjacency:
        stack = scale_stack(
            self.edges, self.num_joints, num_scales, window=window, aggregation=self.aggregation
        )
        return ScaleAdjacency(stack, learnable=self.learnable_mask)


class SpatialTemporalBlock(nn.Module):
    """MS-TCN(ReLU(S(x) + sum_w G3D_w(x))): (B, C, T, V) -> (B, C', T', V), channels last.

    S is MS-GCN and two MS-TCN, the first strided, the second without its last ReLU. In the first
    block of a network MS-GCN and G3D change to C' channels at once, else the convolutions behind
    them do.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        graph: GraphOptions,
        windows: tuple[int, ...],
        dilations: tuple[int, ...],
        *,
        stride: int = 1,
        is_first: bool = False,
    ) -> None:
        super().__init__()
        middle = out_channels if is_first else in_channels
        adjacency = graph.adjacency(graph.gcn_scales)
        self.factorised = nn.Sequential(
            MultiScaleGraphConv(adjacency, in_channels, middle, recompute=graph.recompute),
            MultiScaleTemporal(middle, out_channels, dilations, stride=stride),
            MultiScaleTemporal(out_channels, out_channels, dilations, activation=False),
        )
        self.windows = nn.ModuleList(
            WindowGraphConv(
                graph.adjacency(graph.g3d_scales, window),
                in_channels,
                middle,
                out_channels,
                window=window,
                stride=stride,
                recompute=graph.recompute,
            )
            for window in windows
        )
        self.tail = MultiScaleTemporal(out_channels, out_channels, dilations)

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.factorised(x)
        for window in self.windows:
            total.add_(window(x))
        out: Tensor = self.tail(total.relu_())
        return out


def check_windows(windows: tuple[int, ...]) -> None:
    """ValueError unless every window has a frame in the middle."""
    if any(window < 1 or window % 2 == 0 for window in windows):
        raise ValueError(f"windows must be odd and positive, got {windows}")

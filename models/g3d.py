"""G3D: graph convolution over windows of frames, with links across space and time.

Legend: B rows (persons folded in), C channels in, E embedding, C' out, K scales, T frames,
V joints, W frames of a window, T' = ceil(T / stride).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from models.channels_last import MapNorm
from models.multiscale import ScaleAdjacency
from models.recomputed import mix_then_aggregate, relu_between


class WindowGraphConv(nn.Module):
    """MS-G3D of one window: (B, C, T, V) -> (B, C', T', V), channels last (arXiv 2003.14111).

    MS-GCN with E channels on the W*V nodes of every window, then a convolution that collapses the
    window's frames, then batch norm. `mix` has scale-major inputs, `collapse` frame-major ones.
    Scales are aggregated on the side that has fewer channels.
    """

    def __init__(
        self,
        adjacency: ScaleAdjacency,
        in_channels: int,
        embed_channels: int,
        out_channels: int,
        *,
        window: int,
        stride: int,
        recompute: bool = True,
    ) -> None:
        super().__init__()
        self.window = window
        self.stride = stride
        self.recompute = recompute
        self.num_scales, num_nodes, _ = adjacency.stack.shape
        self.num_joints = num_nodes // window
        self.aggregates_first = in_channels < embed_channels
        self.adjacency = adjacency
        self.mix = nn.Linear(self.num_scales * in_channels, embed_channels)
        self.norm = MapNorm(embed_channels)
        self.collapse = nn.Linear(window * embed_channels, out_channels)
        self.out_norm = MapNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        collapsed = self._aggregate_first(x) if self.aggregates_first else self._mix_first(x)
        out: Tensor = self.out_norm(collapsed.permute(0, 3, 1, 2))
        return out

    def _matrices(self) -> Tensor:
        """(K, W, V, W, V): scale, frame and joint of the target, frame and joint of the source."""
        frame_and_joint = (self.window, self.num_joints)
        matrices: Tensor = self.adjacency()
        return matrices.view(self.num_scales, *frame_and_joint, *frame_and_joint)

    def _mix_first(self, x: Tensor) -> Tensor:
        by_scale = self.mix.weight.view(len(self.mix.weight), self.num_scales, -1)
        nodes = mix_then_aggregate(
            x,
            by_scale.transpose(0, 1).flatten(0, 1),
            self._matrices().permute(2, 1, 3, 4, 0).flatten(2).flatten(0, 1),
            self.mix.bias,
            window=self.window,
            stride=self.stride,
            recompute=self.recompute,
        )
        hidden = self.norm(nodes.permute(0, 3, 1, 2)).relu_().permute(0, 2, 3, 1)
        collapsed: Tensor = self.collapse(hidden.reshape(*hidden.shape[:2], self.num_joints, -1))
        return collapsed

    def _aggregate_first(self, x: Tensor) -> Tensor:
        nodes = self._aggregate(x)
        weight, bias = self.norm.absorbed_by(self.mix, nodes)
        return relu_between(nodes, weight, bias, self.collapse.weight, self.collapse.bias)

    def _aggregate(self, x: Tensor) -> Tensor:
        """(B, T, V, C) -> (B, T', V, W, K*C), all rows in one product."""
        num_rows, _, _, channels = x.shape
        padding = self.window // 2
        frames = F.pad(x, (0, 0, 0, 0, padding, padding)).unfold(1, self.window, self.stride)
        sources = frames.permute(4, 2, 0, 1, 3).reshape(self.window * self.num_joints, -1)
        matrices = self._matrices().permute(2, 1, 0, 3, 4).flatten(3)  # V W K (W*V)
        nodes = matrices.flatten(0, 2) @ sources
        by_target = nodes.view(*matrices.shape[:3], num_rows, -1, channels)
        return by_target.permute(3, 4, 0, 1, 2, 5).flatten(4)

"""Graph convolution with a learnt adjacency and nothing more, a frame for other attentions.

Legend: N batch (persons folded in), C channels in, C' out, K subsets, T frames,
V joints (u target, w source).
"""

import torch
from torch import Tensor, nn

from models.pointwise import Pointwise


class LearnableGraphConv(nn.Module):
    """sum_k A_k W_k x: (N, C, T, V) -> (N, C', T, V); A starts as the graph, its row is the target.

    What CTR-GC is without the topology refined for every channel.
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        self.adjacency = nn.Parameter(adjacency.to(torch.get_default_dtype(), copy=True))
        self.features = Pointwise(in_channels, out_channels, copies=len(adjacency))

    def forward(self, x: Tensor) -> Tensor:
        n, _, t, v = x.shape
        features = self.features(x).view(n, len(self.adjacency), -1, v)  # N K C'*T V
        y: Tensor = features @ self.adjacency.mT.to(features.dtype)
        return y.sum(1).view(n, -1, t, v)

"""SA-GC, the self-attention graph convolution of InfoGCN (CVPR 2022, section 4.1).

Legend: N batch (persons folded in), C channels in, C' out, H heads, D depth of a head, T frames,
V joints (i target, j source).
"""

import math

import torch
from torch import Tensor, nn

from models.pointwise import SummedPointwise

DEPTH_REDUCTION = 8


class SelfAttentionGraphConv(nn.Module):
    """sum_h W_h (A_h * softmax_j(q_h k_h / sqrt(D))) x: (N, C, T, V) -> (N, C', T, V).

    Queries and keys are linear in the layer-normalised joints, so every frame has a topology of
    its own. A is learnt from the identity; D = C // 8, at least one.
    """

    def __init__(
        self, in_channels: int, out_channels: int, num_joints: int, num_heads: int
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.depth = max(1, in_channels // DEPTH_REDUCTION)
        self.norm = nn.LayerNorm(in_channels)
        self.queries_keys = nn.Linear(in_channels, 2 * num_heads * self.depth)
        nn.init.normal_(self.queries_keys.weight)
        self.adjacency = nn.Parameter(torch.eye(num_joints).repeat(num_heads, 1, 1))
        self.values = SummedPointwise(in_channels, out_channels, num_heads)

    def forward(self, x: Tensor) -> Tensor:
        topology = self.adjacency * self._attention(x)
        gathered = torch.einsum("nthij,nctj->nhcti", topology.to(x.dtype), x)
        y: Tensor = self.values(gathered.flatten(1, 2))
        return y

    def _attention(self, x: Tensor) -> Tensor:
        """(N, T, H, V, V); its rows sum to one."""
        joints = self.norm(x.permute(0, 2, 3, 1))
        both = self.queries_keys(joints).view(*joints.shape[:3], 2, self.num_heads, self.depth)
        queries, keys = both.transpose(2, 4).unbind(3)  # N T H V D
        products: Tensor = queries @ keys.mT / math.sqrt(self.depth)
        return products.softmax(-1)

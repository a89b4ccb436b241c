"""ST-JointAtt, the spatio-temporal joint attention of EfficientGCN (arXiv 2106.15125, section 3.5).

Legend: N batch (persons folded in), C channels, T frames, V joints.
"""

import torch
from torch import Tensor, nn

from models.norms import BodyNorm
from models.pointwise import Pointwise


class JointAttention(nn.Module):
    """ReLU(BN(x * g_t * g_v) + x): (N, C, T, V) -> (N, C, T, V).

    The gates of frames and joints share a bottleneck of C // reduction channels, which sees the
    means over joints and over frames behind one another.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        bottleneck = max(1, channels // reduction)
        self.squeeze = nn.Sequential(
            Pointwise(channels, bottleneck), BodyNorm(bottleneck), nn.Hardswish()
        )
        self.frame_gate = Pointwise(bottleneck, channels)
        self.joint_gate = Pointwise(bottleneck, channels)
        self.norm = BodyNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = self.norm(x * self.gates(x))
        return gated.add_(x).relu_()

    def gates(self, x: Tensor) -> Tensor:
        """g_t (N, C, T, 1) times g_v (N, C, 1, V)."""
        means = torch.cat((x.mean(3, keepdim=True), x.mean(2, keepdim=True).mT), dim=2)
        squeezed: Tensor = self.squeeze(means)
        frames, joints = torch.split(squeezed, list(x.shape[2:]), dim=2)
        gates: Tensor = self.frame_gate(frames).sigmoid() * self.joint_gate(joints).sigmoid().mT
        return gates

"""Scales of a skeleton graph, k hops apart each, and the graph convolution over them.

Legend: B rows (persons folded in), C channels in, C' out, K scales, T frames, V joints,
U = W * V nodes of a window of W frames, frame-major.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from models.channels_last import MapNorm
from models.graphs import Edges
from models.recomputed import aggregate_then_mix

Aggregation = Literal["disentangled", "powers"]

MASK_RANGE = 1e-6


def scale_stack(
    edges: Edges,
    num_joints: int,
    num_scales: int,
    *,
    window: int = 1,
    aggregation: Aggregation = "disentangled",
) -> Tensor:
    """The normalised adjacency (K, U, U) of every scale, float32 (arXiv 2003.14111).

    Scale k of `disentangled` links nodes exactly k hops apart, that of `powers` is the k-th power
    of the normalised neighbourhood; every node links to itself. In a window a joint is next to
    itself and its neighbours in all frames. Raises ValueError without scales and for joints out
    of range.
    """
    if num_scales < 1:
        raise ValueError(f"gcn_scales and g3d_scales must be at least 1, got {num_scales}")
    near = _neighbourhood(edges, num_joints).tile(window, window)
    identity = torch.eye(len(near), dtype=near.dtype)
    if aggregation == "powers":
        return _powers(_normalised(near), num_scales, limit=torch.inf)
    reached = _powers(near, num_scales, limit=1.0)
    rings = reached[1:] - reached[:-1] + identity
    return torch.stack([_normalised(scale) for scale in (identity, *rings)])


def _neighbourhood(edges: Edges, num_joints: int) -> Tensor:
    """A + I of the undirected graph."""
    near = torch.eye(num_joints, dtype=torch.float32)
    for a, b in edges:
        if not (0 <= a < num_joints and 0 <= b < num_joints):
            raise ValueError(f"joints must be in 0..{num_joints - 1}, got the edge {(a, b)}")
        near[a, b] = near[b, a] = 1
    return near


def _powers(matrix: Tensor, num_scales: int, limit: float) -> Tensor:
    """min(matrix^k, limit) for k = 0 ... K - 1."""
    powers = [torch.eye(len(matrix), dtype=matrix.dtype)]
    for _ in range(1, num_scales):
        powers.append((powers[-1] @ matrix).clamp(max=limit))
    return torch.stack(powers)


def _normalised(matrix: Tensor) -> Tensor:
    inverse_root = matrix.sum(1).rsqrt()
    return inverse_root[:, None] * matrix * inverse_root


class ScaleAdjacency(nn.Module):
    """The stack (K, U, U) plus, if `learnable`, a mask of the same shape that starts near zero."""

    stack: Tensor

    def __init__(self, stack: Tensor, *, learnable: bool) -> None:
        super().__init__()
        self.register_buffer("stack", stack.to(torch.get_default_dtype()), persistent=False)
        self.mask: nn.Parameter | None = None
        if learnable:
            self.mask = nn.Parameter(torch.empty_like(self.stack))
            nn.init.uniform_(self.mask, -MASK_RANGE, MASK_RANGE)

    def forward(self) -> Tensor:
        return self.stack if self.mask is None else self.stack + self.mask


class MultiScaleGraphConv(nn.Module):
    """MS-GCN, ReLU(BN(sum_k A_k x Theta_k)): (B, C, T, V) -> (B, C', T, V), channels last.

    `mix` holds the Theta_k side by side: its inputs are scale-major.
    """

    def __init__(
        self,
        adjacency: ScaleAdjacency,
        in_channels: int,
        out_channels: int,
        *,
        recompute: bool = True,
    ) -> None:
        super().__init__()
        self.adjacency = adjacency
        self.mix = nn.Linear(len(adjacency.stack) * in_channels, out_channels)
        self.norm = MapNorm(out_channels)
        self.recompute = recompute

    def forward(self, x: Tensor) -> Tensor:
        matrix = self.adjacency().transpose(0, 1).flatten(0, 1)  # (i, k) j
        weight, bias = self.mix.weight, self.mix.bias
        out = aggregate_then_mix(
            x.permute(0, 2, 3, 1), matrix, weight, bias, recompute=self.recompute
        )
        normed: Tensor = self.norm(out.permute(0, 3, 1, 2))
        return normed.relu_()

"""The four streams of a skeleton sequence (2s-AGCN, Shi et al., CVPR 2019; MS-AAGCN).

Tensors are (N, C, T, V, M): batch, channels, frames, joints, persons; edges are (child, parent).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Stream = Literal["joint", "bone", "joint_motion", "bone_motion"]
Edges = tuple[tuple[int, int], ...]


def to_stream(x: Tensor, stream: Stream, edges: Edges) -> Tensor:
    """The stream of joint positions x; same shape."""
    if stream in ("bone", "bone_motion"):
        x = to_bone(x, edges)
    if stream in ("joint_motion", "bone_motion"):
        x = to_motion(x)
    return x


def to_bone(x: Tensor, edges: Edges) -> Tensor:
    """child - parent at every child; zero at a joint without a parent."""
    parents = list(range(x.shape[3]))
    for child, parent in edges:
        parents[child] = parent
    return x - x[:, :, :, parents]


def to_motion(x: Tensor) -> Tensor:
    """x[t + 1] - x[t]; the last frame is zero."""
    motion = x.new_zeros(x.shape)
    motion[:, :, :-1] = x[:, :, 1:] - x[:, :, :-1]
    return motion

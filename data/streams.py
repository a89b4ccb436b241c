"""The four streams of a skeleton sequence (2s-AGCN, Shi et al., CVPR 2019; MS-AAGCN).

Tensors are (N, C, T, V, M): batch, channels, frames, joints, persons; edges are (child, parent).
With `mean_score` the last channel, a confidence, is of a difference the mean of its two ends'. The
arithmetic runs with joints side by side, (N, C, T, M, V).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Stream = Literal["joint", "bone", "joint_motion", "bone_motion"]
ScoreOfDifferences = Literal["mean", "difference"]
Edges = tuple[tuple[int, int], ...]


def to_stream(
    x: Tensor, stream: Stream, edges: Edges, *, hops: int = 1, mean_score: bool = False
) -> Tensor:
    """The stream of joint positions x; same shape.

    A bone is a joint minus its ancestor `hops` edges up, or the root; zero at the root. Motion is
    x[t + 1] - x[t]; the last frame is zero.
    """
    x = x.movedim(4, 3)
    if stream in ("bone", "bone_motion"):
        x = _bone(x, edges, hops=hops, mean_score=mean_score)
    if stream in ("joint_motion", "bone_motion"):
        x = _motion(x, mean_score=mean_score)
    return x.movedim(3, 4)


def _bone(x: Tensor, edges: Edges, *, hops: int, mean_score: bool) -> Tensor:
    begins = torch.tensor(ancestors(x.shape[-1], edges, hops), device=x.device)
    begin = x.reshape(-1, x.shape[-1]).index_select(1, begins).view(x.shape)
    bone = x - begin
    if mean_score:
        bone[:, -1] = (x[:, -1] + begin[:, -1]) / 2
    return bone


def _motion(x: Tensor, *, mean_score: bool) -> Tensor:
    now, after = x[:, :, :-1], x[:, :, 1:]
    motion = torch.empty_like(x)
    torch.sub(after, now, out=motion[:, :, :-1])
    if mean_score:
        motion[:, -1, :-1] = (after[:, -1] + now[:, -1]) / 2
    motion[:, :, -1] = 0
    return motion


def ancestors(num_joints: int, edges: Edges, hops: int) -> list[int]:
    """Of every joint the one `hops` edges nearer to the root, or the root."""
    parents = list(range(num_joints))
    for child, parent in edges:
        parents[child] = parent
    found = list(range(num_joints))
    for _ in range(hops):
        found = [parents[joint] for joint in found]
    return found

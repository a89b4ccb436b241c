"""The position and velocity streams of SLnL-rFA.

Legend: B rows (persons of clips), S streams, C channels, T frames, V joints, D features.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.norms import BodyNorm
from models.persons import counted

Stream = Literal["pos", "vel"]
Velocity = Literal["resize", "pad_zero", "pad_copy"]
InputNorm = Literal["coord", "joint_coord", "none"]


class Streams(nn.Module):
    """Input norm and body of each stream, side by side: (B, C, T, V) -> (B, S, D, T', V').

    Each stream has an input norm of its own. Shared bodies take the rows of all streams as one
    batch, so that their norms see in training what they see in evaluation.
    """

    def __init__(
        self,
        streams: tuple[Stream, ...],
        make_norm: Callable[[], nn.Module],
        make_body: Callable[[], nn.Module],
        *,
        velocity: Velocity,
        shared: bool,
    ) -> None:
        super().__init__()
        self.streams = streams
        self.velocity: Velocity = velocity
        self.norms = nn.ModuleDict({stream: make_norm() for stream in streams})
        names = ("shared",) if shared else streams
        self.bodies = nn.ModuleDict({name: make_body() for name in names})

    def forward(self, rows: Tensor, counts: Tensor | None = None) -> Tensor:
        """Row b counts `counts[b]` times in the statistics of the batch norms."""
        if counts is None:
            return self._maps(rows)
        streams_per_body = len(self.streams) // len(self.bodies)
        with counted(self.norms, counts), counted(self.bodies, counts.repeat(streams_per_body)):
            return self._maps(rows)

    def _maps(self, rows: Tensor) -> Tensor:
        signals = [self.norms[stream](self._signal(stream, rows)) for stream in self.streams]
        if len(self.bodies) < len(signals):
            maps: Tensor = self.bodies["shared"](torch.cat(signals))
            return torch.stack(maps.chunk(len(signals)), dim=1)
        bodies = self.bodies.values()
        return torch.stack([body(x) for body, x in zip(bodies, signals, strict=True)], dim=1)

    def _signal(self, stream: Stream, rows: Tensor) -> Tensor:
        return rows if stream == "pos" else velocities(rows, self.velocity)


def velocities(rows: Tensor, mode: Velocity = "resize") -> Tensor:
    """x[t+1] - x[t] for all T frames: (B, C, T, V) -> (B, C, T, V).

    The T - 1 differences are stretched linearly (half-pixel centres), or followed by a zero or by
    the last one again.
    """
    differences = rows.diff(dim=2)
    if mode == "resize":
        return functional.interpolate(differences, size=rows.shape[2:], mode="bilinear")
    last = differences[:, :, -1:]
    return torch.cat((differences, last if mode == "pad_copy" else last * 0), dim=2)


class JointNorm(nn.Module):
    """Batch norm of every coordinate of every joint over rows and frames."""

    def __init__(self, num_channels: int, num_joints: int) -> None:
        super().__init__()
        self.norm = BodyNorm(num_channels * num_joints)

    def forward(self, x: Tensor) -> Tensor:
        series = x.transpose(2, 3)  # B C V T
        normed: Tensor = self.norm(series.flatten(1, 2).unsqueeze(3))
        return normed.view(series.shape).transpose(2, 3)


def build_input_norm(kind: InputNorm, num_channels: int, num_joints: int) -> nn.Module:
    """Batch norm of every coordinate (over joints too), of every joint's coordinate, or none."""
    if kind == "none":
        return nn.Identity()
    if kind == "joint_coord":
        return JointNorm(num_channels, num_joints)
    return BodyNorm(num_channels)

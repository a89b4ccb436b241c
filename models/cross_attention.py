"""Attention over frames and over joints by which one head of DualHead-Net weights the other.

Legend: B rows (persons folded in), C channels, T frames, V joints.
"""

from typing import Literal

import torch
from torch import Tensor, nn

Alignment = Literal["index", "linear", "pool"]

FRAME_KERNEL = 9


class FrameAttention(nn.Module):
    """x (1 + a), a = sigmoid(conv over T of the source's mean over V) (arXiv 2108.04536, eq. 8, 9).

    x (B, C, T, V), source (B, C', T'', V). Frame t of x is at t * ratio[0] / ratio[1] of the
    source. The convolution starts at zero, so that a is 1/2.
    """

    def __init__(
        self,
        source_channels: int,
        *,
        ratio: tuple[int, int] = (1, 1),
        alignment: Alignment = "index",
    ) -> None:
        super().__init__()
        self.ratio = ratio
        self.alignment = alignment
        self.conv = nn.Conv1d(source_channels, 1, FRAME_KERNEL, padding=FRAME_KERNEL // 2)
        nn.init.zeros_(self.conv.weight)
        _zero_bias(self.conv)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        factor = 1 + aligned(self.attention(source), x.shape[2], self.ratio, self.alignment)
        return x * factor.unsqueeze(3)

    def attention(self, source: Tensor) -> Tensor:
        """a of the source's frames, (B, 1, T'')."""
        attention: Tensor = self.conv(source.mean(3)).sigmoid()
        return attention


class JointAttention(nn.Module):
    """x (1 + a), a = sigmoid(conv over V of the source's mean over T) (eq. 10 and 11).

    x (B, C, T, V), source (B, C', T'', V). The convolution sees all joints, all but one if their
    number is even.
    """

    def __init__(self, source_channels: int, num_joints: int) -> None:
        super().__init__()
        kernel = num_joints - 1 + num_joints % 2
        self.conv = nn.Conv1d(source_channels, 1, kernel, padding=kernel // 2)
        nn.init.xavier_normal_(self.conv.weight)
        _zero_bias(self.conv)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        return x * (1 + self.attention(source)).unsqueeze(2)

    def attention(self, source: Tensor) -> Tensor:
        """a, (B, 1, V)."""
        attention: Tensor = self.conv(source.mean(2)).sigmoid()
        return attention


def aligned(
    values: Tensor, num_frames: int, ratio: tuple[int, int], alignment: Alignment
) -> Tensor:
    """Frame t of the result (..., num_frames) is what the values have at t * ratio[0] / ratio[1].

    `index` takes the value at or before that place, `linear` the mean of its neighbours by
    distance, `pool` the mean of all from there to the place of frame t + 1.
    """
    step, unit = ratio
    if step == unit:
        return values
    places = torch.arange(num_frames, device=values.device) * step
    first, last = places // unit, values.shape[-1] - 1
    if alignment == "index":
        return values[..., first]
    if alignment == "linear":
        following = values[..., (first + 1).clamp(max=last)]
        return torch.lerp(values[..., first], following, (places % unit / unit).to(values.dtype))
    reach = torch.arange(1 + step // unit, device=values.device)
    pooled_places = first[:, None] + reach
    counts = (pooled_places * unit < places[:, None] + step) & (pooled_places <= last)
    pooled = (values[..., pooled_places.clamp(max=last)] * counts).sum(-1)
    return pooled / counts.sum(-1)


def _zero_bias(conv: nn.Conv1d) -> None:
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)

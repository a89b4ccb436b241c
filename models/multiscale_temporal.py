"""The multi-scale temporal convolution (MS-TCN) of MS-G3D.

Legend: B rows (persons folded in), C channels in, C' out, T frames, V joints,
T' = ceil(T / stride).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.channels_last import ChannelLinear, MapNorm, every_nth_frame

NUM_PLAIN_BRANCHES = 2  # max pooling and the strided 1x1 convolution, beside one branch a dilation


class MultiScaleTemporal(nn.Module):
    """MS-TCN with its residual: (B, C, T, V) -> (B, C', T', V), channels last.

    The branches, each C' / num_branches wide: one convolution of three frames a dilation, a max
    pooling of three frames, a strided 1x1 convolution. The 1x1 convolutions in front of all but
    the last run as one, and so do the batch norms at the start and at the end. Without
    `activation` the last ReLU is left out.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dilations: tuple[int, ...],
        *,
        stride: int = 1,
        activation: bool = True,
    ) -> None:
        super().__init__()
        check_branches("channels", out_channels, dilations)
        self.stride = stride
        self.activation = activation
        self.branch_width = out_channels // num_branches(dilations)
        self.entry = ChannelLinear(in_channels, out_channels - self.branch_width)
        self.entry_norm = MapNorm(self.entry.out_features)
        self.convs = nn.ModuleList(
            nn.Conv2d(
                self.branch_width,
                self.branch_width,
                (3, 1),
                stride=(stride, 1),
                padding=(dilation, 0),
                dilation=(dilation, 1),
            )
            for dilation in dilations
        )
        self.shortcut = ChannelLinear(in_channels, self.branch_width)
        self.exit_norm = MapNorm(out_channels)
        self.residual: nn.Module | None = None
        if in_channels != out_channels or stride != 1:
            conv = ChannelLinear(in_channels, out_channels)
            self.residual = nn.Sequential(conv, MapNorm(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        entries = torch.split(self.entry_norm(self.entry(x)).relu_(), self.branch_width, dim=1)
        strided = every_nth_frame(x, self.stride)
        branches = [conv(scale) for conv, scale in zip(self.convs, entries, strict=False)]
        branches.append(F.max_pool2d(entries[-1], (3, 1), (self.stride, 1), (1, 0)))
        branches.append(self.shortcut(strided))
        out: Tensor = self.exit_norm(torch.cat(branches, dim=1))
        out.add_(strided if self.residual is None else self.residual(strided))
        return out.relu_() if self.activation else out


def num_branches(dilations: tuple[int, ...]) -> int:
    return len(dilations) + NUM_PLAIN_BRANCHES


def check_branches(name: str, channels: int, dilations: tuple[int, ...]) -> None:
    """ValueError unless the branches fill the channels, which the error calls by that name."""
    if any(dilation < 1 for dilation in dilations):
        raise ValueError(f"dilations must be positive, got {dilations}")
    if channels < 1 or channels % num_branches(dilations):
        raise ValueError(
            f"{name} must be a positive multiple of {num_branches(dilations)}, the number of "
            f"temporal branches, got {channels} with dilations={dilations}"
        )

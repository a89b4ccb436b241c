"""Multi-scale temporal convolution (MS-TCN) of CTR-GCN, and MDR-GCN's sum of several of them.

Legend: N batch (persons folded in), C channels, T frames, V joints, T' = ceil(T / stride).
"""

import torch
from torch import Tensor, nn

from models.norms import BodyNorm
from models.pointwise import Pointwise, init_conv

NUM_PLAIN_BRANCHES = 2  # max pooling and the strided shortcut, beside one branch a dilation


class MultiScaleTemporalConv(nn.Module):
    """The sum of one complete MS-TCN for each kernel: (N, C, T, V) -> (N, C, T', V).

    An MS-TCN concatenates, each C / num_branches wide, one dilated convolution a dilation, a max
    pooling and a strided 1x1 convolution. The MS-TCNs share their input, so their pointwise
    convolutions and batch norms run as one; all weights stay separate (MDR-GCN, section TCB).
    """

    def __init__(
        self, channels: int, kernels: tuple[int, ...], dilations: tuple[int, ...], stride: int
    ) -> None:
        super().__init__()
        check_temporal_options(channels, kernels, dilations)
        self.stride = stride
        self.num_kernels = len(kernels)
        self.branch_width = channels // num_branches(dilations)
        num_scales = len(kernels) * len(dilations)
        pooled_width = len(kernels) * self.branch_width
        self.entry_widths = [*[self.branch_width] * num_scales, pooled_width]
        self.entry = Pointwise(channels, self.branch_width, copies=num_scales + len(kernels))
        self.entry_norm = BodyNorm(self.entry.out_channels)
        self.convs = nn.ModuleList(
            _dilated_conv(self.branch_width, kernel, dilation, stride)
            for dilation in dilations
            for kernel in kernels
        )
        self.shortcut = Pointwise(channels, self.branch_width, copies=len(kernels), stride=stride)
        self.exit_norm = BodyNorm(len(kernels) * channels)
        for norm in (self.entry_norm, self.exit_norm):
            nn.init.normal_(norm.weight, 1, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        entries = self.entry_norm(self.entry(x)).relu_()
        *scales, pooled = torch.split(entries, self.entry_widths, dim=1)
        branches = [conv(scale) for conv, scale in zip(self.convs, scales, strict=True)]
        branches += [max_pool(pooled, self.stride), self.shortcut(x)]
        out: Tensor = self.exit_norm(torch.cat(branches, dim=1))  # channels: branch, kernel, width
        n, _, frames, joints = out.shape
        by_kernel = out.view(n, -1, self.num_kernels, self.branch_width, frames, joints)
        return by_kernel.sum(2).flatten(1, 2)


def max_pool(x: Tensor, stride: int) -> Tensor:
    """Max pooling over three frames: (N, C, T, V) -> (N, C, T', V).

    It sees the joints as channels, last in memory: so the CPU's kernel is a vector operation.
    """
    n, c, t, v = x.shape
    joints_as_channels = x.reshape(n * c, t, 1, v).permute(0, 3, 1, 2)
    pooled = nn.functional.max_pool2d(joints_as_channels, (3, 1), (stride, 1), (1, 0))
    return pooled.permute(0, 2, 3, 1).reshape(n, c, -1, v)


def num_branches(dilations: tuple[int, ...]) -> int:
    return len(dilations) + NUM_PLAIN_BRANCHES


def check_temporal_options(
    channels: int, kernels: tuple[int, ...], dilations: tuple[int, ...]
) -> None:
    """ValueError unless every branch keeps the number of frames and the branches fill C."""
    if not kernels or any(kernel < 1 or kernel % 2 == 0 for kernel in kernels):
        raise ValueError(f"temporal kernels must be odd and at least one, got {kernels}")
    if not dilations or any(dilation < 1 for dilation in dilations):
        raise ValueError(f"dilations must be positive and at least one, got {dilations}")
    if channels < 1 or channels % num_branches(dilations):
        raise ValueError(
            f"width must be a positive multiple of {num_branches(dilations)}, the number of "
            f"temporal branches, got width={channels} with dilations={dilations}"
        )


def _dilated_conv(channels: int, kernel: int, dilation: int, stride: int) -> nn.Conv2d:
    conv = nn.Conv2d(
        channels,
        channels,
        (kernel, 1),
        stride=(stride, 1),
        padding=((kernel - 1) * dilation // 2, 0),
        dilation=(dilation, 1),
    )
    init_conv(conv)
    return conv

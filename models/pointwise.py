"""1x1 convolutions as matrix products, and the initialisation of all convolutions.

On the CPU a batched product is two to four times as fast as the convolution kernel.

Legend: N batch, C channels in, C' out, K subsets or copies, T frames, V joints, L any positions.
"""

import math

import torch
from torch import Tensor, nn

from models.norms import BodyNorm


def init_conv(conv: nn.Conv2d) -> None:
    """Kaiming normal over the fan-out, bias zero."""
    assert conv.bias is not None
    fan_out = conv.out_channels * math.prod(conv.kernel_size)
    nn.init.normal_(conv.weight, std=math.sqrt(2 / fan_out))
    nn.init.zeros_(conv.bias)


class Pointwise(nn.Module):
    """`copies` separate 1x1 convolutions of one input as one: (N, C, T, V) -> (N, K*C', T', V).

    The output is copy-major; each copy starts as a convolution of its own would (Kaiming normal
    over its fan-out, bias zero). T' = ceil(T / stride).
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, copies: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.copies = copies
        self.out_channels = copies * out_channels
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(self.out_channels, in_channels))
        self.bias = nn.Parameter(torch.zeros(self.out_channels))
        nn.init.normal_(self.weight, std=math.sqrt(2 / out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return _pointwise(x[:, :, :: self.stride], self.weight, self.bias)


class SubsetPointwise(nn.Module):
    """A 1x1 convolution for every subset's own input: (N, K, C, L, L') -> (N, K, C', L, L')."""

    def __init__(self, in_channels: int, out_channels: int, num_subsets: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_subsets, out_channels, in_channels))
        self.bias = nn.Parameter(torch.zeros(num_subsets, out_channels, 1))
        nn.init.normal_(self.weight, std=math.sqrt(2 / out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return subset_product(self.weight, x, self.bias)


class SummedPointwise(nn.Module):
    """The sum of a 1x1 convolution of every subset's own input: (N, K*C, T, V) -> (N, C', T, V).

    `weight` (C', K*C) has the subsets side by side, `bias` (K, C') keeps theirs apart. The weight
    starts with the deviation sqrt(2 / (C' * C * K)), the bias at zero.
    """

    def __init__(self, in_channels: int, out_channels: int, num_subsets: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, num_subsets * in_channels))
        self.bias = nn.Parameter(torch.zeros(num_subsets, out_channels))
        nn.init.normal_(self.weight, std=math.sqrt(2 / self.weight.numel()))

    def forward(self, x: Tensor) -> Tensor:
        return _pointwise(x, self.weight, self.bias.sum(0))


def _pointwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """weight (C', C) @ x (N, C, T, V) + bias (C',)."""
    n, _, t, v = x.shape
    # in the dtype of x before they are expanded, else autocast would cast a copy for every sample
    weight = weight.to(x.dtype).expand(n, -1, -1)
    bias = bias.to(x.dtype)[:, None].expand(n, -1, -1)
    return torch.baddbmm(bias, weight, x.flatten(2)).view(n, -1, t, v)


def subset_product(weight: Tensor, x: Tensor, offset: Tensor) -> Tensor:
    """offset (K, C', 1 or L*L') + weight (K, C', C) @ x (N, K, C, L, L')."""
    out = weight @ x.flatten(3) + offset
    return out.view(*out.shape[:3], *x.shape[3:])


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """The identity where shapes agree, else a strided 1x1 convolution with batch norm."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    conv = Pointwise(in_channels, out_channels, stride=stride)
    return nn.Sequential(conv, BodyNorm(out_channels))

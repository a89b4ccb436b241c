"""Layers of maps that are (B, C, T, V) by shape and channels last in memory.

In this format every 1x1 convolution and every aggregation over joints is a matrix product without
a copy, and on the CPU batch norm and temporal convolutions are at their fastest.

Legend: B rows (persons folded in), C channels, T frames, V joints.
"""

import torch
from torch import Tensor, nn

from models.norms import BodyNorm
from models.rows import without_autocast


class ChannelLinear(nn.Linear):
    """A 1x1 convolution with PyTorch's default initialisation: (B, C, T, V) -> (B, C', T, V)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def every_nth_frame(x: Tensor, n: int) -> Tensor:
    """Frames 0, n, 2n, ... of x (B, C, T, V); x itself where that is all."""
    return x if n == 1 else x[:, :, ::n].contiguous(memory_format=torch.channels_last)


class MapNorm(BodyNorm):
    """`BodyNorm` that can take the place of the linear layer before it too."""

    def absorbed_by(self, linear: nn.Linear, x: Tensor) -> tuple[Tensor, Tensor]:
        """Weight and bias of a linear layer that does what `linear` and then the norm do on x.

        x is (B, ..., C) with few channels: the moments of the layer's output follow from theirs,
        W mean + b and W covariance W^T, so the output itself is never needed.
        """
        mean, var = self._moments_behind(linear, x)
        scale = self.weight * torch.rsqrt(var + self.eps)
        return linear.weight * scale[:, None], (linear.bias - mean) * scale + self.bias

    def _moments_behind(self, linear: nn.Linear, x: Tensor) -> tuple[Tensor, Tensor]:
        if not self.training:
            assert self.running_mean is not None
            assert self.running_var is not None
            return self.running_mean, self.running_var
        with without_autocast(x):
            shares, num_rows = self._weighed(x)
            mean, covariance = self._moments(x, shares)
            mean = linear.weight @ mean + linear.bias
            var = ((linear.weight @ covariance) * linear.weight).sum(1).clamp(min=0)
        self._track(mean, var, num_rows * x[0, ..., 0].numel())
        return mean, var

    def _moments(self, x: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (C,) and covariance (C, C) of x (B, ..., C)."""
        values = x.flatten(1, -2).to(shares.dtype)
        mean = self._over_all(shares @ values.mean(1))
        centred = values - mean
        covariances = centred.mT @ centred / values.shape[1]
        return mean, self._over_all(torch.einsum("b,bcd->cd", shares, covariances))

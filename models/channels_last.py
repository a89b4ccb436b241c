"""Layers of maps that are (B, C, T, V) by shape and channels last in memory.

In this format every 1x1 convolution and every aggregation over joints is a matrix product without
a copy, and on the CPU batch norm and temporal convolutions are at their fastest.

Legend: B rows (persons folded in), C channels, T frames, V joints.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from models.persons import BodyNorm
from models.rows import row_slices, without_autocast


class ChannelLinear(nn.Linear):
    """A 1x1 convolution with PyTorch's default initialisation: (B, C, T, V) -> (B, C', T, V)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def every_nth_frame(x: Tensor, n: int) -> Tensor:
    """Frames 0, n, 2n, ... of x (B, C, T, V); x itself where that is all."""
    return x if n == 1 else x[:, :, ::n].contiguous(memory_format=torch.channels_last)


class MapNorm(BodyNorm):
    """`BodyNorm` that keeps nothing but its input for the backward pass, counted or not."""

    def forward(self, x: Tensor) -> Tensor:
        if self.counts is None or not self.training:
            return super().forward(x)
        norm: Callable[..., tuple[Tensor, Tensor, Tensor]] = _CountedNorm.apply
        out, mean, var = norm(x, self.weight, self.bias, self._row_shares(x), self.eps)
        self._track(mean, var, x[:, 0])
        return out

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
            mean, covariance = _moments(x, self._row_shares(x))
            mean = linear.weight @ mean + linear.bias
            var = ((linear.weight @ covariance) * linear.weight).sum(1).clamp(min=0)
        self._track(mean, var, x[..., 0])
        return mean, var

    def _row_shares(self, x: Tensor) -> Tensor:
        """What each row counts in the mean over all, (B,)."""
        wide = torch.promote_types(x.dtype, torch.float32)
        if self.counts is None:
            return x.new_full((len(x),), 1 / len(x), dtype=wide)
        return self.counts.to(wide) / self.counts.sum()

    def _track(self, mean: Tensor, var: Tensor, channel: Tensor) -> None:
        """Let the running statistics follow the moments; `channel` is one channel of the map."""
        num_rows = torch.tensor(len(channel)) if self.counts is None else self.counts.sum()
        self._update_running(mean.detach(), var.detach(), num_rows * channel[0].numel())


def _moments(x: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (C,) and covariance (C, C) of x (B, ..., C)."""
    values = x.flatten(1, -2).to(shares.dtype)
    mean = shares @ values.mean(1)
    centred = values - mean
    covariances = centred.mT @ centred / values.shape[1]
    return mean, torch.einsum("b,bcd->cd", shares, covariances)


class _CountedNorm(Function):
    """Batch norm in which row b has the share s_b, with running sums over rows.

    dx_b = scale * (dy_b - s_b / L * (sum dy + x^ * sum(dy x^))), x^ the normalised map and L the
    number of positions of a row.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, share: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        length = x[0, 0].numel()
        mean = share @ x.sum((2, 3), dtype=share.dtype) / length
        var = torch.zeros_like(mean)
        for rows in row_slices(x):
            squares = (x[rows] - _per_channel(mean)).square_().sum((2, 3))
            var += share[rows] @ squares / length
        inverse = torch.rsqrt(var + eps)
        scale = weight * inverse
        ctx.save_for_backward(x, weight, share, mean, inverse)
        out = torch.addcmul(_per_channel(bias - mean * scale), x, _per_channel(scale))
        ctx.mark_non_differentiable(mean, var)
        return out.to(x.dtype), mean, var

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, share, mean, inverse = ctx.saved_tensors
        normed_sum = torch.zeros_like(mean)
        grad_sum = torch.zeros_like(mean)
        for rows in row_slices(x):
            grad_sum += grad[rows].sum((0, 2, 3), dtype=mean.dtype)
            centred = x[rows] - _per_channel(mean)
            normed_sum += centred.mul_(grad[rows]).sum((0, 2, 3)) * inverse
        scale = weight * inverse
        share = share / x[0, 0].numel()
        dx = torch.empty_like(x)
        for rows in row_slices(x):
            slope = share[rows, None] * (scale * inverse * normed_sum)
            level = share[rows, None] * (scale * grad_sum) - slope * mean
            offset = torch.addcmul(_per_channel(-level), x[rows], _per_channel(-slope))
            dx[rows] = offset.addcmul_(grad[rows], _per_channel(scale))
        return dx, normed_sum, grad_sum, None, None


def _per_channel(values: Tensor) -> Tensor:
    return values[..., None, None]

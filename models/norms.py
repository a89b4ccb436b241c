"""Batch norms over rows that count more or less often, of one worker or of several together.

Legend: B rows (persons of clips), C channels, T frames, V joints.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm

from models.rows import row_slices

OverAll = Callable[[Tensor], Tensor]


class Pool(Protocol):
    """Workers that normalise their rows as one batch."""

    counts: bool
    """Whether the rows of this worker do; where not, they only stand in for none."""

    def sum(self, values: Tensor) -> Tensor:
        """Over the workers, as is its gradient, of which each of them has a part."""


class CountedNorm(_BatchNorm):
    """Batch norm over rows (B, C, ...), each of which counts `counts` times in the statistics.

    They are those of the rows of all workers of the `pool`.
    """

    counts: Tensor | None = None
    pool: Pool | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or (self.counts is None and self.pool is None):
            return super().forward(x)
        norm: Callable[..., tuple[Tensor, Tensor, Tensor]] = _CountedNorm.apply
        shares, num_rows = self._weighed(x)
        maps = x.unsqueeze(3) if x.dim() == 3 else x
        out, mean, var = norm(maps, self.weight, self.bias, shares, self.eps, self._over_all)
        self._track(mean, var, num_rows * x[0, 0].numel())
        return out.view_as(x)

    def _weighed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What each row counts in the mean over all, (B,), and how many rows there are in all."""
        wide = torch.promote_types(x.dtype, torch.float32)
        counts = self.counts
        if counts is None:
            counts = torch.ones(len(x), dtype=torch.int64, device=x.device)
        if self.pool is not None:
            counts = counts * self.pool.counts
        num_rows = self._over_all(counts.sum())
        return counts.to(wide) / num_rows, num_rows

    def _over_all(self, values: Tensor) -> Tensor:
        return values if self.pool is None else self.pool.sum(values)

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor, num_values: Tensor) -> None:
        """Let the running statistics follow the moments of so many values a channel."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        num_values = num_values.to(var.dtype)  # whole numbers would be divided in single precision
        unbiased = var * (num_values / (num_values - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)


class BodyNorm(CountedNorm, nn.BatchNorm2d):
    """Of maps (B, C, T, V)."""


class SeriesNorm(CountedNorm, nn.BatchNorm1d):
    """Of series (B, C, T)."""


class _CountedNorm(Function):
    """Batch norm in which row b has the share s_b, with running sums over rows.

    dx_b = scale * (dy_b - s_b / L * (sum dy + x^ * sum(dy x^))), x^ the normalised map and L the
    number of positions of a row. Rows of several workers are summed by `over_all`; the gradients
    of weight and bias are those of this worker's rows.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        share: Tensor,
        eps: float,
        over_all: OverAll,
    ) -> tuple[Tensor, Tensor, Tensor]:
        length = x[0, 0].numel()
        mean = over_all(share @ x.sum((2, 3), dtype=share.dtype) / length)
        var = torch.zeros_like(mean)
        for rows in row_slices(x):
            squares = (x[rows] - _per_channel(mean)).square_().sum((2, 3))
            var += share[rows] @ squares / length
        var = over_all(var)
        inverse = torch.rsqrt(var + eps)
        scale = weight * inverse
        ctx.save_for_backward(x, weight, share, mean, inverse)
        ctx.over_all = over_all
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
        all_normed, all_grads = ctx.over_all(torch.stack([normed_sum, grad_sum]))
        scale = weight * inverse
        share = share / x[0, 0].numel()
        dx = torch.empty_like(x)
        for rows in row_slices(x):
            slope = share[rows, None] * (scale * inverse * all_normed)
            level = share[rows, None] * (scale * all_grads) - slope * mean
            offset = torch.addcmul(_per_channel(-level), x[rows], _per_channel(-slope))
            dx[rows] = offset.addcmul_(grad[rows], _per_channel(scale))
        return dx, normed_sum, grad_sum, None, None, None


def _per_channel(values: Tensor) -> Tensor:
    return values[..., None, None]

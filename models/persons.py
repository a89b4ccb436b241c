"""Persons as rows of one batch, and absent ones computed once.

An absent person is all zero, so after the data norm every absent person of a slot is the same
row. One of them stands for all: its result is copied, and every batch norm counts it as often as
it occurs. Values, gradients and running statistics are those of the full computation.

Legend: N clips, M persons, B rows, C channels, T frames, V joints.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function

from models.rows import row_slices


class BodyNorm(nn.BatchNorm2d):
    """Batch norm over rows (B, C, T, V), each of which counts `counts` times in the statistics."""

    counts: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.counts is None or not self.training:
            return super().forward(x)
        norm: Callable[..., tuple[Tensor, Tensor, Tensor]] = _CountedNorm.apply
        out, mean, var = norm(x, self.weight, self.bias, self._row_shares(x), self.eps)
        self._track(mean, var, x[:, 0])
        return out

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

    @torch.no_grad()
    def _update_running(self, mean: Tensor, var: Tensor, num_values: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        num_values = num_values.to(var.dtype)  # whole numbers would be divided in single precision
        unbiased = var * (num_values / (num_values - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)


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


class Merged(NamedTuple):
    """Which rows of N*M are computed, (B,); how often each counts, (B,); where each row's result
    is found among them, (N*M,)."""

    kept: Tensor
    counts: Tensor
    place: Tensor


def merge_absent(present: Tensor | None) -> Merged | None:
    """One row for all absent persons of a slot; None where that saves nothing.

    `present` is (N, M), rows are clip-major. The number of rows depends on the data, so a graph
    that is being compiled computes all of them.
    """
    if present is None or torch.compiler.is_compiling():
        return None
    num_persons = present.shape[1]
    rows = torch.arange(present.numel(), device=present.device)
    first_absent = (~present).int().argmax(0) * num_persons + rows[:num_persons]
    stands_for = torch.where(present.flatten(), rows, first_absent[rows % num_persons])
    kept, place, counts = torch.unique(stands_for, return_inverse=True, return_counts=True)
    return Merged(kept, counts, place) if len(kept) < len(rows) else None


@contextmanager
def counted(module: nn.Module, counts: Tensor) -> Iterator[None]:
    """Within, every `BodyNorm` of the module counts the rows so often."""
    norms = [part for part in module.modules() if isinstance(part, BodyNorm)]
    for norm in norms:
        norm.counts = counts
    try:
        yield
    finally:
        for norm in norms:
            norm.counts = None


def draws_at_random(module: nn.Module) -> bool:
    """Whether equal rows need not stay equal: some dropout of the module is on."""
    return any(isinstance(part, nn.Dropout) and part.p > 0 for part in module.modules())

"""Persons as rows of one batch, and absent ones computed once.

An absent person is all zero, so after the data norm every absent person of a slot is the same
row. One of them stands for all: its result is copied, and every batch norm counts it as often as
it occurs. Values, gradients and running statistics are those of the full computation.

Legend: N clips, M persons, B rows, C channels, T frames, V joints.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn


class BodyNorm(nn.BatchNorm2d):
    """Batch norm over rows (B, C, T, V), each of which counts `counts` times in the statistics."""

    counts: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.counts is None or not self.training:
            return super().forward(x)
        mean, var = self._counted_moments(x)
        scale = self.weight * torch.rsqrt(var + self.eps)
        shift = self.bias - mean * scale
        out = x.to(mean.dtype) * scale[:, None, None] + shift[:, None, None]
        return out.to(x.dtype)

    def _counted_moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance of each channel (C,), in float32 or better."""
        assert self.counts is not None
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        row_var, row_mean = torch.var_mean(wide, dim=(2, 3), correction=0)  # B C
        counts = self.counts.to(wide.dtype)
        total = counts.sum()
        share = counts / total
        mean = share @ row_mean
        var = share @ (row_var + (row_mean - mean).square())
        self._update_running(mean.detach(), var.detach(), total * x[0, 0].numel())
        return mean, var

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

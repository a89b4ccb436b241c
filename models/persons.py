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

from models.norms import BodyNorm


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

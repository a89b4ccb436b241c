"""How maps whose first dimension are rows (persons of clips) are computed.

Legend: B rows.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

CACHED_VALUES = 2**15  # of a map whose rows are worked on at a time


def one_by_one(x: Tensor) -> bool:
    """Whether the rows of x are computed one after the other.

    On the CPU they are: what is made of a row stays in the cache. Elsewhere, and in a graph that
    is being compiled, all are computed at once.
    """
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def row_slices(x: Tensor) -> list[slice]:
    """Rows of x (B, ...) to compute together: one, or as many small ones as fit into the cache."""
    if not one_by_one(x):
        return [slice(None)]
    step = max(1, CACHED_VALUES // x[0].numel())
    return [slice(row, row + step) for row in range(0, len(x), step)]


def products_dtype(x: Tensor) -> torch.dtype:
    """In which matrix products of x are computed: its own unless autocast says otherwise."""
    if x.is_meta or not torch.is_autocast_enabled(x.device.type):
        return x.dtype
    return torch.get_autocast_dtype(x.device.type)


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """Within, operations on x compute in the dtype of their operands."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def zeros_for_sums(x: Tensor) -> Tensor:
    """Like x, in float32 or better."""
    return torch.zeros_like(x, dtype=torch.promote_types(x.dtype, torch.float32))

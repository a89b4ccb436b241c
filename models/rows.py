"""How maps whose first dimension are rows (persons of clips) are computed.

Legend: B rows.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def one_by_one(x: Tensor) -> bool:
    """Whether the rows of x are computed one after the other.

    On the CPU they are: what is made of a row stays in the cache. Elsewhere, and in a graph that
    is being compiled, all are computed at once.
    """
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def row_slices(x: Tensor) -> list[slice]:
    """Rows of x (B, ...) to compute together."""
    if one_by_one(x):
        return [slice(row, row + 1) for row in range(len(x))]
    return [slice(None)]


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

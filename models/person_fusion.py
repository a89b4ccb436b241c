"""Present persons as the only rows a network sees, and one feature of all persons of a clip.

Legend: N clips, M persons, B = N*M rows, clip-major, C channels, T frames, V joints.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

PersonFusion = Literal["max", "mean"]


def present_persons(x: Tensor, present: Tensor | None) -> Tensor:
    """(N, M), at least one in every clip: the first where nobody is.

    Where it is not known who is `present`, whoever has a coordinate other than zero.
    """
    if present is None:
        present = (x != 0).any(dim=3).any(dim=2).any(dim=1)
    is_first = torch.arange(present.shape[1], device=present.device) == 0
    nobody = ~present.any(dim=1, keepdim=True)
    return present | (nobody & is_first)


def fold_persons(x: Tensor) -> Tensor:
    """(N, C, T, V, M) -> (B, C, T, V)."""
    return x.permute(0, 4, 1, 2, 3).flatten(0, 1)


def on_present_rows(
    network: Callable[[Tensor, Tensor | None], Tensor], rows: Tensor, present: Tensor | None
) -> Tensor:
    """network(rows, counts) as if absent persons were not among the rows; theirs mean nothing.

    Only the present rows are computed, without counts. The number of rows depends on the data, so
    a graph that is being compiled computes all of them and `counts` (B,) is 0 for the absent.
    """
    if present is None:
        return network(rows, None)
    if torch.compiler.is_compiling():
        return network(rows, present.flatten())
    kept = present.flatten().nonzero().squeeze(1)
    computed = network(rows[kept], None)
    return computed.new_zeros(len(rows), *computed.shape[1:]).index_copy(0, kept, computed)


def fuse_persons(
    rows: Tensor, present: Tensor | None, num_persons: int, how: PersonFusion
) -> Tensor:
    """Maximum or mean over a clip's present persons, None: over all; (B, ...) -> (N, ...)."""
    persons = rows.view(-1, num_persons, *rows.shape[1:])
    if present is None:
        return persons.amax(dim=1) if how == "max" else persons.mean(dim=1)
    is_present = present.view(*present.shape, *(1,) * (rows.dim() - 1))
    if how == "max":
        return persons.masked_fill(~is_present, -math.inf).amax(dim=1)
    return persons.masked_fill(~is_present, 0).sum(dim=1) / is_present.sum(dim=1)

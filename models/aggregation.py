"""Aggregation over joints along refined topologies that are never stored.

The topologies (B, K, C, V, V) and CVSTA's attention (B, K, C, T, V) are the largest tensors of a
graph convolution, but they are products of small factors. They are made for one subset of a few
rows at a time, while these are in the cache, and made again in the backward pass.

Legend: B rows (persons folded in), K subsets, C channels, R rank, T frames, V joints (u target,
w source), L positions: T*V or V*V.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

CACHED_VALUES = 2**17  # features of the rows that are worked on at a time, on the CPU


class Factors(NamedTuple):
    """Maps (B, K, C, L) = weight (K, C, R) @ inner (B, K, R, L) + offset (K, C, L or 1)."""

    weight: Tensor
    inner: Tensor
    offset: Tensor

    def maps(self) -> Tensor:
        return self.weight @ self.inner + self.offset


def aggregate(features: Tensor, topology: Factors, attention: Factors | None = None) -> Tensor:
    """sum_k (S_k * X_k) @ T_k: features X (B, K, C, T, V) -> (B, C, T, V).

    T are the maps of `topology`, with (w, u) as positions; S those of `attention`, one if None.
    """
    if torch.compiler.is_compiling():
        joints = features.shape[-1]
        maps = topology.maps().view(*features.shape[:3], joints, joints)
        refinement = None if attention is None else attention.maps().view_as(features)
        return aggregate_maps(features, maps, refinement)
    factors = topology if attention is None else topology + attention
    parts = (part.to(features.dtype) for part in factors)
    y: Tensor = _Aggregation.apply(features, *parts)  # type: ignore[no-untyped-call]
    return y


def aggregate_maps(features: Tensor, topology: Tensor, attention: Tensor | None = None) -> Tensor:
    """The same of maps that are there: T (B, K, C, V, V) and S (B, K, C, T, V)."""
    refined = features if attention is None else features * attention
    return (refined @ topology).sum(1)


class _Aggregation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, *parts: Tensor) -> Tensor:
        ctx.save_for_backward(features, *parts)
        topology, attention = _as_factors(parts)
        y = torch.zeros_like(features[:, 0])
        for rows, k in _blocks(features):
            refined = features[rows, k]
            if attention is not None:
                refined = refined * _map(attention, rows, k).view_as(refined)
            along = _square(_map(topology, rows, k))
            sums = y[rows].flatten(0, 1)
            torch.baddbmm(sums, refined.flatten(0, 1), along, out=sums)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        features, *parts = ctx.saved_tensors
        topology, attention = _as_factors(parts)
        grad, grad_features = grad.contiguous(), torch.empty_like(features)
        grads = [_FactorGradients(factors) for factors in (topology, attention) if factors]
        for rows, k in _blocks(features):
            refined, grad_y = features[rows, k], grad[rows].flatten(0, 1)
            grad_refined = torch.bmm(grad_y, _square(_map(topology, rows, k)).mT).view_as(refined)
            if attention is not None:
                refinement = _map(attention, rows, k).view_as(refined)
                grads[1].add(rows, k, (grad_refined * refined).flatten(2))
                grad_refined *= refinement
                refined = refined * refinement
            grad_features[rows, k] = grad_refined
            grad_topology = torch.bmm(refined.flatten(0, 1).mT, grad_y)
            grads[0].add(rows, k, grad_topology.view(*refined.shape[:2], -1))
        return grad_features, *(part for total in grads for part in total.parts())


class _FactorGradients:
    """Gradients of factors; sums over rows are in single precision or better."""

    def __init__(self, factors: Factors) -> None:
        self._factors = factors
        wide = torch.promote_types(factors.weight.dtype, torch.float32)
        self._inner = torch.empty_like(factors.inner)
        self._weight = torch.zeros_like(factors.weight, dtype=wide)
        self._offset = torch.zeros_like(factors.offset, dtype=wide)

    def add(self, rows: slice, k: int, grad_map: Tensor) -> None:
        """The gradient of a map (b, C, L)."""
        weight, inner, offset = self._factors
        self._inner[rows, k] = torch.bmm(weight[k].mT.expand(len(grad_map), -1, -1), grad_map)
        self._weight[k] += _over_rows(torch.bmm(grad_map, inner[rows, k].mT))
        self._offset[k] += _over_rows(grad_map).sum_to_size(offset[k].shape)

    def parts(self) -> Factors:
        return Factors(self._weight, self._inner, self._offset)


def _as_factors(parts: Sequence[Tensor]) -> tuple[Factors, Factors | None]:
    return Factors(*parts[:3]), Factors(*parts[3:]) if len(parts) > 3 else None


def _map(factors: Factors, rows: slice, k: int) -> Tensor:
    """One subset's map (b, C, L) of some rows."""
    inner = factors.inner[rows, k]
    offset, weight = (
        part[k].expand(len(inner), -1, -1) for part in (factors.offset, factors.weight)
    )
    return torch.baddbmm(offset, weight, inner)


def _over_rows(x: Tensor) -> Tensor:
    """The sum, without a copy where there is one row."""
    return x[0] if len(x) == 1 else x.sum(0)


def _square(maps: Tensor) -> Tensor:
    """(b, C, V*V) -> (b*C, V, V)."""
    joints = math.isqrt(maps.shape[-1])
    return maps.view(-1, joints, joints)


def _blocks(features: Tensor) -> Iterator[tuple[slice, int]]:
    """Some rows and one subset of them at a time."""
    num_rows, num_subsets = features.shape[:2]
    step = num_rows
    if features.device.type == "cpu":
        step = max(1, CACHED_VALUES // features.shape[2:].numel())
    for first in range(0, num_rows, step):
        for k in range(num_subsets):
            yield slice(first, first + step), k

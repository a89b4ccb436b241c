"""Linear maps in a row of which one, K or W times as large as the ends, is not kept.

It is made row by row, where it stays in the cache, and made again in the backward pass, unless
`recompute` is off.

Maps are (B, T, V, C), contiguous: B rows (persons folded in), T frames (T' strided), V joints,
U nodes, C channels in, O out, H hidden, K scales, W frames of a window.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from models.rows import one_by_one, products_dtype, row_slices, without_autocast, zeros_for_sums


def aggregate_then_mix(
    x: Tensor, matrix: Tensor, weight: Tensor, bias: Tensor, *, recompute: bool = True
) -> Tensor:
    """sum_k A_k x Theta_k + bias: (B, T, V, C) -> (B, T, V, O).

    `matrix` (V*K, V) has the A_k row by row, (i, k); `weight` (O, K*C) the Theta_k side by side.
    """
    return _apply(_AggregateThenMix.apply, x, matrix, weight, bias, _keeps(recompute))


def mix_then_aggregate(
    x: Tensor,
    weight: Tensor,
    matrix: Tensor,
    bias: Tensor,
    *,
    window: int,
    stride: int,
    recompute: bool = True,
) -> Tensor:
    """sum_k A_k (x Theta_k) + bias over windows: (B, T, V, C) -> (B, T', V*W, O).

    `weight` (K*O, C) has the Theta_k one below the other; `matrix` (V*W, W*V*K) leads from frame,
    joint and scale to joint and frame. Frames outside of the clip are zero. The Theta_k come first
    since they see V joints a frame and not W*V nodes a window.
    """
    sizes = (window, stride, _keeps(recompute))
    return _apply(_MixThenAggregate.apply, x, weight, matrix, bias, *sizes)


def relu_between(x: Tensor, first: Tensor, shift: Tensor, last: Tensor, bias: Tensor) -> Tensor:
    """ReLU(x first^T + shift) last^T + bias: (B, T, V, W, C) -> (B, T, V, O).

    `first` (H, C) acts on every frame of a window, `last` (O, W*H) on all of them together. The
    hidden map is always made again.
    """
    return _apply(_ReluBetween.apply, x, first, shift, last, bias)


def _keeps(recompute: bool) -> bool:
    return not recompute and torch.is_grad_enabled()


def _apply(function: Callable[..., Tensor], x: Tensor, *arguments: Any) -> Tensor:
    dtype = products_dtype(x)
    cast = [a.to(dtype).contiguous() if isinstance(a, Tensor) else a for a in (x, *arguments)]
    with without_autocast(x):
        return function(*cast)


class _AggregateThenMix(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, matrix: Tensor, weight: Tensor, bias: Tensor, keep: bool
    ) -> Tensor:
        out = x.new_empty(*x.shape[:3], len(bias))
        kept = []
        for rows in row_slices(x):
            scales = _aggregate(matrix, x[rows])
            out[rows] = F.linear(scales, weight, bias)
            kept += [scales] if keep else []
        ctx.save_for_backward(x, matrix, weight, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, matrix, weight, *kept = ctx.saved_tensors
        grad = grad.contiguous()
        grad_x = torch.empty_like(x)
        grad_matrix, grad_weight = zeros_for_sums(matrix), zeros_for_sums(weight)
        for index, rows in enumerate(row_slices(x)):
            scales = kept[index] if kept else _aggregate(matrix, x[rows])
            grad_weight += _outer(grad[rows], scales)
            grad_scales = (grad[rows] @ weight).view(*x[rows].shape[:2], len(matrix), -1)
            grad_matrix += _node_products(grad_scales, x[rows])
            grad_x[rows] = _on_nodes(matrix.t(), grad_scales)
        return grad_x, grad_matrix, grad_weight, grad.sum((0, 1, 2)), None


class _MixThenAggregate(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        matrix: Tensor,
        bias: Tensor,
        window: int,
        stride: int,
        keep: bool,
    ) -> Tensor:
        out = x.new_empty(x.shape[0], -(-x.shape[1] // stride), len(matrix), len(bias))
        kept = []
        for rows in row_slices(x):
            mixed = _mix(x[rows], weight, window)
            nodes = _windows(mixed, window, stride, len(bias))
            out[rows] = _on_nodes(matrix, nodes).add_(bias)
            kept += [mixed] if keep else []
        ctx.save_for_backward(x, weight, matrix, *kept)
        ctx.window, ctx.stride = window, stride
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, matrix, *kept = ctx.saved_tensors
        grad = grad.contiguous()
        grad_x = torch.empty_like(x)
        grad_weight, grad_matrix = zeros_for_sums(weight), zeros_for_sums(matrix)
        taps = [tap.t().contiguous() for tap in matrix.chunk(ctx.window, dim=1)]
        for index, rows in enumerate(row_slices(x)):
            mixed = kept[index] if kept else _mix(x[rows], weight, ctx.window)
            nodes = _windows(mixed, ctx.window, ctx.stride, grad.shape[-1])
            grad_matrix += _node_products(grad[rows], nodes)
            grad_mixed = _mixed_gradient(grad[rows], taps, ctx.stride, mixed)
            grad_weight += _outer(grad_mixed, x[rows])
            grad_x[rows] = grad_mixed @ weight
        return grad_x, grad_weight, grad_matrix, grad.sum((0, 1, 2)), None, None, None


class _ReluBetween(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, first: Tensor, shift: Tensor, last: Tensor, bias: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, first, shift, last)
        out = x.new_empty(*x.shape[:3], len(bias))
        for rows in row_slices(x):
            hidden = F.linear(x[rows], first, shift).relu_()
            out[rows] = F.linear(hidden.flatten(3), last, bias)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        x, first, shift, last = ctx.saved_tensors
        grad = grad.contiguous()
        grad_x = torch.empty_like(x)
        grad_first, grad_shift, grad_last = map(zeros_for_sums, (first, shift, last))
        for rows in row_slices(x):
            hidden = F.linear(x[rows], first, shift).relu_()
            grad_last += _outer(grad[rows], hidden.flatten(3))
            grad_hidden = (grad[rows] @ last).view_as(hidden).mul_(hidden > 0)
            grad_first += _outer(grad_hidden, x[rows])
            grad_shift += grad_hidden.sum((0, 1, 2, 3), dtype=grad_shift.dtype)
            grad_x[rows] = grad_hidden @ first
        return grad_x, grad_first, grad_shift, grad_last, grad.sum((0, 1, 2))


def _aggregate(matrix: Tensor, x: Tensor) -> Tensor:
    """(B, T, V, K*C), scale-major."""
    return _on_nodes(matrix, x).view(*x.shape[:3], -1)


def _mix(x: Tensor, weight: Tensor, window: int) -> Tensor:
    """(B, T + 2p, V, K*O) with p = (W - 1) / 2 frames of zeros on either side."""
    padding = window // 2
    return F.linear(F.pad(x, (0, 0, 0, 0, padding, padding)), weight)


def _windows(mixed: Tensor, window: int, stride: int, channels: int) -> Tensor:
    """The nodes (B, T', W*V*K, O) that every window sees, a view for one row."""
    frames_inside = mixed.unfold(1, window, stride).movedim(-1, 2)
    return frames_inside.reshape(*frames_inside.shape[:2], -1, channels)


def _mixed_gradient(grad: Tensor, taps: list[Tensor], stride: int, mixed: Tensor) -> Tensor:
    """Gradient (B, T, V, K*O) of the mixed frames from that of the windows (B, T', V*W, O)."""
    num_rows, num_windows, _, channels = grad.shape
    total = torch.zeros_like(mixed).view(num_rows, mixed.shape[1], -1, channels)
    for offset, tap in enumerate(taps):
        total[:, offset : offset + stride * (num_windows - 1) + 1 : stride] += _on_nodes(tap, grad)
    padding = len(taps) // 2
    return total.view_as(mixed)[:, padding : mixed.shape[1] - padding]


def _on_nodes(matrix: Tensor, x: Tensor) -> Tensor:
    """`matrix` (U', U) times every frame of x (B, T, U, C); a plain product would copy x."""
    frames = x.flatten(0, 1)
    products = torch.bmm(matrix.expand(frames.shape[0], -1, -1), frames)
    return products.view(*x.shape[:2], *products.shape[1:])


def _node_products(a: Tensor, b: Tensor) -> Tensor:
    """a b^T summed over rows and frames: (B, T, U', C), (B, T, U, C) -> (U', U)."""
    if not one_by_one(a):
        return torch.einsum("btuc,btvc->uv", a, b)
    total = zeros_for_sums(a.new_empty(a.shape[2], b.shape[2]))
    return total.addbmm_(a.flatten(0, 1).to(total.dtype), b.flatten(0, 1).mT.to(total.dtype))


def _outer(grad: Tensor, x: Tensor) -> Tensor:
    """Gradient (O, C) of a weight: grad (..., O), x (..., C)."""
    return grad.flatten(0, -2).t() @ x.flatten(0, -2)

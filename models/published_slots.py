"""Where a tensor of a published checkpoint goes: a view of one of our parameters or buffers.

A layout is an iterable of slots, written as loops over our modules that name the published keys.
Parts that we fuse are chunks of one tensor; what we keep in another order is a permuted view.
"""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.multiscale_temporal import MultiScaleTemporal
from models.pointwise import Pointwise, SubsetPointwise
from models.temporal import MultiScaleTemporalConv

COUNTER = "num_batches_tracked"
KERNEL = (1, 1)


class Slot(NamedTuple):
    """A published tensor: its key, its shape, and the view of ours that takes its elements.

    The view has as many elements as the shape, in the same order.
    """

    key: str
    shape: tuple[int, ...]
    target: Tensor


def same(key: str, tensor: Tensor) -> Slot:
    return Slot(key, tuple(tensor.shape), tensor)


def layer(key: str, module: nn.Module) -> Iterator[Slot]:
    """A convolution or linear layer that both hold alike."""
    for name, parameter in module.named_parameters():
        yield same(f"{key}.{name}", parameter)


def pointwise(key: str, module: nn.Module, part: int = 0, parts: int = 1) -> Iterator[Slot]:
    """One of the equal parts of a fused 1x1 convolution: (C', C) here, (C', C, 1, 1) there."""
    assert isinstance(module, Pointwise | nn.Linear)
    weight = module.weight.chunk(parts)[part]
    yield Slot(f"{key}.weight", (*weight.shape, *KERNEL), weight)
    yield same(f"{key}.bias", module.bias.chunk(parts)[part])


def subset_pointwise(key: str, module: SubsetPointwise, subset: int) -> Iterator[Slot]:
    """The convolution of one subset."""
    weight = module.weight[subset]
    yield Slot(f"{key}.weight", (*weight.shape, *KERNEL), weight)
    yield same(f"{key}.bias", module.bias[subset].flatten())


def norm(key: str, module: _BatchNorm, part: int = 0, parts: int = 1) -> Iterator[Slot]:
    """One of the equal parts of a fused batch norm. The parts share their counter of batches."""
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield same(f"{key}.{name}", getattr(module, name).chunk(parts)[part])
    assert module.num_batches_tracked is not None
    yield same(f"{key}.{COUNTER}", module.num_batches_tracked)


def projection(
    key: str, module: nn.Module | None, names: tuple[str, str] = ("0", "1")
) -> Iterator[Slot]:
    """Convolution and batch norm of a shortcut, nothing where it is the identity or absent."""
    if isinstance(module, nn.Sequential):
        conv, batch_norm = module
        assert isinstance(batch_norm, _BatchNorm)
        yield from pointwise(f"{key}.{names[0]}", conv)
        yield from norm(f"{key}.{names[1]}", batch_norm)


def temporal_branches(
    key: str, temporal: MultiScaleTemporal | MultiScaleTemporalConv, kernel: int = 0
) -> Iterator[Slot]:
    """The branches of an MS-TCN, of which ours may hold one a kernel, branch by branch."""
    kernels = temporal.shortcut.weight.shape[0] // temporal.branch_width
    for branch in range(len(temporal.convs) // kernels + 2):
        index = branch * kernels + kernel
        yield from _branch(f"{key}.branches.{branch}", temporal, index, kernels)


def _branch(
    key: str, temporal: MultiScaleTemporal | MultiScaleTemporalConv, index: int, kernels: int
) -> Iterator[Slot]:
    """Entry, its norm, dilated convolution or pooling, norm; or the shortcut and its norm."""
    entries = len(temporal.convs) + kernels
    exit_norm = (temporal.exit_norm, index, entries + kernels)
    if index >= entries:
        yield from pointwise(f"{key}.0", temporal.shortcut, index - entries, kernels)
        yield from norm(f"{key}.1", *exit_norm)
        return
    yield from pointwise(f"{key}.0", temporal.entry, index, entries)
    yield from norm(f"{key}.1", temporal.entry_norm, index, entries)
    if index < len(temporal.convs):
        yield from layer(f"{key}.3.conv", temporal.convs[index])
        yield from norm(f"{key}.3.bn", *exit_norm)
    else:
        yield from norm(f"{key}.4", *exit_norm)

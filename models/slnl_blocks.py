"""The blocks of SLnL-rFA: local convolutions, with non-local modules beside them.

Legend: B rows (persons of clips), C channels in, C' out, T frames, V joints.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from models.non_local import NonLocal, NonLocalOptions, Part
from models.norms import BodyNorm

FirstStage = Literal["sum", "concat", "chain"]
InnerActivation = Literal["none", "relu", "bn_relu"]
NormOrder = Literal["post_add", "pre_add", "post_relu"]
JointInput = Literal["h", "x"]
DropoutUnit = Literal["element", "channel"]
DropoutPlace = Literal["end", "before_norm"]
ConvInit = Literal["xavier", "kaiming"]
PoolAxes = Literal["both", "time"]


@dataclass(frozen=True, kw_only=True)
class BlockOptions:
    """first_stage: temporal and spatial convolution side by side, summed or concatenated (each
        half as wide), or one after the other
    inner_activation: after the first stage; of `chain` also between its two
    norm_order: norm and ReLU after the residual (`post_add`), norm before it, or norm after ReLU
    st_input: the non-local module `st` is given the first stage's output h or the block's input x
    shortcut_norm: a batch norm behind the 1x1 convolution where the number of channels changes
    dropout_unit: single elements are dropped, or whole channels
    dropout_at: the end of the block, or before its norm
    conv_init: uniform weights of the convolutions, by Xavier or by Kaiming for ReLU
    """

    first_stage: FirstStage = "sum"
    inner_activation: InnerActivation = "none"
    norm_order: NormOrder = "post_add"
    shortcut_norm: bool = False
    dropout: float = 0.2
    dropout_unit: DropoutUnit = "element"
    dropout_at: DropoutPlace = "end"
    conv_init: ConvInit = "xavier"
    st_input: JointInput = "h"
    non_local: NonLocalOptions = field(default_factory=NonLocalOptions)

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")


class LocalBlock(nn.Module):
    """dropout(ReLU(norm(st(h) + x))), h = t(x) + s(x): (B, C, T, V) -> (B, C', T, V).

    t, s and st are convolutions k x 1, 1 x k and k x k (arXiv 1811.04237). To each of them
    a non-local module of the same input is added that is among `parts`; with them it is the SLnL
    block.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        options: BlockOptions,
        parts: tuple[Part, ...] = (),
    ) -> None:
        super().__init__()
        self.options = options
        stage = options.first_stage
        width = out_channels // 2 if stage == "concat" else out_channels
        channels: dict[Part, tuple[int, int]] = {
            "t": (in_channels, width),
            "s": (out_channels if stage == "chain" else in_channels, width),
            "st": (out_channels, out_channels),
        }
        init = options.conv_init
        self.temporal = _conv(*channels["t"], kernel, 1, init)
        self.spatial = _conv(*channels["s"], 1, kernel, init)
        self.joint = _conv(*channels["st"], kernel, kernel, init)
        self.between = _inner(options, width) if stage == "chain" else nn.Identity()
        self.inner = _inner(options, out_channels)
        if options.st_input == "x":
            channels["st"] = (in_channels, out_channels)
        embed_channels = max(1, int(options.non_local.ratio * out_channels))
        self.non_local = nn.ModuleDict(
            {
                part: NonLocal(part, *channels[part], embed_channels, options.non_local)
                for part in parts
            }
        )
        self.shortcut = _shortcut(in_channels, out_channels, options)
        self.norm = BodyNorm(out_channels)
        kind = nn.Dropout if options.dropout_unit == "element" else nn.Dropout2d
        self.dropout = kind(options.dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.inner(self._first_stage(x))
        context = hidden if self.options.st_input == "h" else x
        out = self._with_non_local("st", self.joint(hidden), context)
        activated = self._activated(out, self.shortcut(x))
        return self.dropout(activated) if self.options.dropout_at == "end" else activated

    def _first_stage(self, x: Tensor) -> Tensor:
        temporal = self._with_non_local("t", self.temporal(x), x)
        if self.options.first_stage == "chain":
            temporal = self.between(temporal)
            return self._with_non_local("s", self.spatial(temporal), temporal)
        spatial = self._with_non_local("s", self.spatial(x), x)
        if self.options.first_stage == "concat":
            return torch.cat((temporal, spatial), dim=1)
        return temporal + spatial

    def _with_non_local(self, part: Part, local: Tensor, x: Tensor) -> Tensor:
        if part not in self.non_local:
            return local
        non_local: Tensor = self.non_local[part](x)
        return local + non_local

    def _activated(self, out: Tensor, residual: Tensor) -> Tensor:
        if self.options.norm_order == "post_relu":
            return self._normed((out + residual).relu())
        if self.options.norm_order == "pre_add":
            return (self._normed(out) + residual).relu()
        return self._normed(out + residual).relu()

    def _normed(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.dropout(x) if self.options.dropout_at != "end" else x)
        return normed


def _conv(
    in_channels: int, out_channels: int, frames: int, joints: int, init: ConvInit
) -> nn.Conv2d:
    """Stride 1, zero padding to the same size, no bias."""
    padding = (frames // 2, joints // 2)
    conv = nn.Conv2d(in_channels, out_channels, (frames, joints), padding=padding, bias=False)
    if init == "kaiming":
        nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")
    else:
        nn.init.xavier_uniform_(conv.weight)
    return conv


def _shortcut(in_channels: int, out_channels: int, options: BlockOptions) -> nn.Module:
    if in_channels == out_channels:
        return nn.Identity()
    conv = _conv(in_channels, out_channels, 1, 1, options.conv_init)
    return nn.Sequential(conv, BodyNorm(out_channels)) if options.shortcut_norm else conv


def _inner(options: BlockOptions, channels: int) -> nn.Module:
    if options.inner_activation == "none":
        return nn.Identity()
    if options.inner_activation == "relu":
        return nn.ReLU()
    return nn.Sequential(BodyNorm(channels), nn.ReLU())


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """Blocks in a row; the first `num_slnl_blocks` have non-local modules.

    `kernels` has one size for all blocks or one a block. After every `pool_every` blocks the map
    is halved, after the last block only if `pool_last`. Raises ValueError if that is impossible.
    """

    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    num_slnl_blocks: int
    parts: tuple[Part, ...]
    pool_every: int
    pool_last: bool
    pool_axes: PoolAxes

    def __post_init__(self) -> None:
        _check_sizes(self.channels, self.kernels)
        if not 0 <= self.num_slnl_blocks <= len(self.channels):
            raise ValueError(
                f"num_slnl_blocks must be 0 to {len(self.channels)}, the number of blocks, "
                f"got {self.num_slnl_blocks}"
            )
        if not self.parts or len(set(self.parts)) < len(self.parts):
            raise ValueError(
                "non_local_parts must name at least one of t, s, st and none twice (without "
                f"non-local modules: num_slnl_blocks: 0), got {self.parts}"
            )
        if self.pool_every < 1:
            raise ValueError(f"pool_every must be at least 1, got {self.pool_every}")

    def is_pooled(self, index: int) -> bool:
        is_last = index == len(self.channels) - 1
        return (index + 1) % self.pool_every == 0 and (self.pool_last or not is_last)

    @property
    def num_poolings(self) -> int:
        return sum(map(self.is_pooled, range(len(self.channels))))

    def pooled_size(self, frames: int, joints: int) -> tuple[int, int]:
        """T', V' of the last map; ValueError where an axis does not survive."""
        joint_poolings = self.num_poolings if self.pool_axes == "both" else 0
        size = frames >> self.num_poolings, joints >> joint_poolings
        if 0 in size:
            raise ValueError(
                f"{self.num_poolings} poolings of {self.pool_axes} need at least "
                f"{2**self.num_poolings} frames and {2**joint_poolings} joints, "
                f"got {frames} and {joints}"
            )
        return size


def block_stack(in_channels: int, stack: StackOptions, options: BlockOptions) -> nn.Sequential:
    """The blocks with max poolings between: (B, C, T, V) -> (B, C_last, T', V')."""
    if options.first_stage == "concat" and any(width % 2 for width in stack.channels):
        raise ValueError(f"channels must be even for first_stage concat, got {stack.channels}")
    kernels = stack.kernels * (1 if len(stack.kernels) > 1 else len(stack.channels))
    modules: list[nn.Module] = []
    for index, (channels, kernel) in enumerate(zip(stack.channels, kernels, strict=True)):
        parts = stack.parts if index < stack.num_slnl_blocks else ()
        modules.append(LocalBlock(in_channels, channels, kernel, options, parts))
        if stack.is_pooled(index):
            modules.append(nn.MaxPool2d((2, 2) if stack.pool_axes == "both" else (2, 1)))
        in_channels = channels
    return nn.Sequential(*modules)


def _check_sizes(channels: tuple[int, ...], kernels: tuple[int, ...]) -> None:
    if not channels or min(channels) < 1:
        raise ValueError(f"channels must be positive, one number a block, got {channels}")
    if len(kernels) not in (1, len(channels)):
        raise ValueError(
            f"kernels must have one size, or one for each of the {len(channels)} blocks, "
            f"got {kernels}"
        )
    if any(kernel < 1 or kernel % 2 == 0 for kernel in kernels):
        raise ValueError(f"kernels must be odd and positive, got {kernels}")

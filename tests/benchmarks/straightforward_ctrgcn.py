"""CTR-GCN and MDR-GCN in the most direct order: the other side of the speed comparison.

One module a graph subset and a temporal branch, every 1x1 convolution an `nn.Conv2d`, pooled after
it is convolved. Modules and parameters are named as in the published checkpoints, so the keys of
`state_dict` are theirs.

Legend: N batch (persons folded in), C channels, R middle channels, T frames, V joints, M persons.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.graphs import digraph
from models.interface import InputShape

PLAN = ((1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 1), (2, 1), (4, 2), (4, 1), (4, 1))


class GraphSubset(nn.Module):
    """One subset's convolution; with `attention`, features are refined by CVSTA first."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        attention: bool,
        pair: str,
        head_order: str,
        activation: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__()
        middle = 8 if in_channels in (3, 9) else in_channels // 8
        self.attention, self.pair, self.head_order = attention, pair, head_order
        self.activation = activation
        self.conv1 = nn.Conv2d(in_channels, middle, 1)
        self.conv2 = nn.Conv2d(in_channels, middle, 1)
        self.conv3 = nn.Conv2d(in_channels, out_channels, 1)
        self.conv4 = nn.Conv2d(middle, out_channels, 1)
        if attention:
            self.conv6 = nn.Conv2d(in_channels, middle, 1)
            self.conv7 = nn.Conv2d(middle, out_channels, 1)

    def forward(self, x: Tensor, adjacency: Tensor, alpha: Tensor) -> Tensor:
        target, source = self.conv1(x).mean(2), self.conv2(x).mean(2)  # N R V
        features = self.conv3(x)
        if self.attention:
            frames = self.conv6(x).mean(3)  # N R T
            features = features * self._head(self.conv7, frames[..., None] * source[:, :, None])
        sign = 1 if self.pair == "add" else -1
        pairs = target[..., None] + sign * source[:, :, None]  # N R V V
        topology = adjacency + alpha * self._head(self.conv4, pairs)
        return torch.einsum("ncuw,nctw->nctu", topology, features)

    def _head(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        if self.head_order == "act_conv":
            return conv(self.activation(x))
        return self.activation(conv(x))


class GraphUnit(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor, **options) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            GraphSubset(in_channels, out_channels, **options) for _ in adjacency
        )
        self.PA = nn.Parameter(adjacency.to(torch.get_default_dtype(), copy=True))
        self.alpha = nn.Parameter(torch.zeros(1))
        self.down: nn.Module = nn.Identity()
        if in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1)
            self.down = nn.Sequential(conv, nn.BatchNorm2d(out_channels))
        self.bn = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.bn.weight, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        y = sum(conv(x, self.PA[k], self.alpha) for k, conv in enumerate(self.convs))
        return (self.bn(y) + self.down(x)).relu()


class TemporalConv(nn.Module):
    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, dilation: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        padding = (kernel - 1) * dilation // 2
        self.conv = nn.Conv2d(
            in_channels, out_channels, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1)
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class MultiScaleTemporal(nn.Module):
    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = channels // 4

        def entry(*rest: nn.Module) -> nn.Sequential:
            start = (nn.Conv2d(channels, width, 1), nn.BatchNorm2d(width), nn.ReLU())
            return nn.Sequential(*start, *rest)

        pool = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        shortcut = nn.Conv2d(channels, width, 1, (stride, 1))
        self.branches = nn.ModuleList(
            (
                entry(TemporalConv(width, width, kernel, 1, stride)),
                entry(TemporalConv(width, width, kernel, 2, stride)),
                entry(pool, nn.BatchNorm2d(width)),
                nn.Sequential(shortcut, nn.BatchNorm2d(width)),
            )
        )
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.normal_(part.weight, 1, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Layer(nn.Module):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        adjacency: Tensor,
        kernels: tuple[int, ...],
        residual: bool,
        **options,
    ) -> None:
        super().__init__()
        self.gcn1 = GraphUnit(in_channels, out_channels, adjacency, **options)
        self.num_temporal = len(kernels)
        for number, kernel in enumerate(kernels, 1):
            self.add_module(f"tcn{number}", MultiScaleTemporal(out_channels, kernel, stride))
        self.residual: nn.Module | None = None
        if residual and (in_channels != out_channels or stride != 1):
            self.residual = TemporalConv(in_channels, out_channels, 1, stride=stride)
        elif residual:
            self.residual = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.gcn1(x)
        z = sum(self.get_submodule(f"tcn{k + 1}")(y) for k in range(self.num_temporal))
        return (z if self.residual is None else z + self.residual(x)).relu()


class StraightforwardCTRGCN(nn.Module):
    """CTR-GCN; with `attention`, `pair="add"` and `kernels=(3, 5)` MDR-GCN.

    (N, C, T, V, M) -> logits (N, num_classes).
    """

    def __init__(
        self,
        num_classes: int,
        num_persons: int,
        adjacency: Tensor,
        *,
        num_channels: int = 3,
        width: int = 64,
        attention: bool = False,
        pair: str = "sub",
        kernels: tuple[int, ...] = (5,),
        head_order: str = "act_conv",
        activation: Callable[[Tensor], Tensor] = torch.tanh,
    ) -> None:
        super().__init__()
        num_joints = adjacency.shape[-1]
        self.data_bn = nn.BatchNorm1d(num_persons * num_joints * num_channels)
        previous = num_channels
        for number, (multiple, stride) in enumerate(PLAN, 1):
            layer = Layer(
                previous,
                multiple * width,
                stride,
                adjacency,
                kernels,
                residual=number > 1,
                attention=attention,
                pair=pair,
                head_order=head_order,
                activation=activation,
            )
            self.add_module(f"l{number}", layer)
            previous = multiple * width
        self.fc = nn.Linear(previous, num_classes)
        init_convs(self)
        nn.init.normal_(self.fc.weight, std=math.sqrt(2 / num_classes))

    def forward(self, x: Tensor) -> Tensor:
        n, c, t, v, m = x.shape
        x = self.data_bn(x.permute(0, 4, 3, 1, 2).reshape(n, m * v * c, t))
        x = x.view(n, m, v, c, t).permute(0, 1, 3, 4, 2).reshape(n * m, c, t, v)
        for number in range(1, len(PLAN) + 1):
            x = self.get_submodule(f"l{number}")(x)
        return self.fc(x.view(n, m, x.shape[1], -1).mean(3).mean(1))


def init_convs(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out")
            nn.init.zeros_(part.bias)


def straightforward_ctrgcn(shape: InputShape) -> nn.Module:
    return StraightforwardCTRGCN(shape.num_classes, shape.num_persons, _digraph(shape))


def straightforward_mdrgcn(shape: InputShape) -> nn.Module:
    return StraightforwardCTRGCN(
        shape.num_classes,
        shape.num_persons,
        _digraph(shape),
        attention=True,
        pair="add",
        kernels=(3, 5),
    )


def _digraph(shape: InputShape) -> Tensor:
    return digraph(shape.edges, shape.num_joints)

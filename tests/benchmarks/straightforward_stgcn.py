"""ST-GCN in the most direct order, named as in the published checkpoints.

Legend: N batch (persons folded in), K subsets, C channels, T frames, V joints, M persons.
"""

import torch
from torch import Tensor, nn

from models.graphs import stgcn_spatial
from models.interface import InputShape

PLAN = ((1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 1), (2, 1), (4, 2), (4, 1), (4, 1))


class GraphConv(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, num_subsets: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, num_subsets * out_channels, 1)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        g = self.conv(x)
        g = g.view(len(g), len(adjacency), -1, *g.shape[2:])
        return torch.einsum("nkctv,kvw->nctw", g, adjacency)


class Layer(nn.Module):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        num_subsets: int,
        residual: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.gcn = GraphConv(in_channels, out_channels, num_subsets)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(out_channels),
            nn.Dropout(dropout),
        )
        self.residual: nn.Module | None = None
        if residual and (in_channels != out_channels or stride != 1):
            conv = nn.Conv2d(in_channels, out_channels, 1, (stride, 1))
            self.residual = nn.Sequential(conv, nn.BatchNorm2d(out_channels))
        elif residual:
            self.residual = nn.Identity()

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        y = self.tcn(self.gcn(x, adjacency))
        return (y if self.residual is None else y + self.residual(x)).relu()


class StraightforwardSTGCN(nn.Module):
    """(N, C, T, V, M) -> logits (N, num_classes)."""

    def __init__(
        self,
        num_classes: int,
        adjacency: Tensor,
        *,
        num_channels: int = 3,
        width: int = 64,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.register_buffer("A", adjacency.to(torch.get_default_dtype(), copy=True))
        num_subsets, num_joints, _ = adjacency.shape
        self.data_bn = nn.BatchNorm1d(num_joints * num_channels)
        layers: list[Layer] = []
        previous = num_channels
        for multiple, stride in PLAN:
            sizes = (previous, multiple * width, stride, num_subsets)
            layers.append(Layer(*sizes, residual=bool(layers), dropout=dropout if layers else 0))
            previous = multiple * width
        self.st_gcn_networks = nn.ModuleList(layers)
        self.edge_importance = nn.ParameterList(torch.ones_like(self.A) for _ in layers)
        self.fcn = nn.Conv2d(previous, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, t, v, m = x.shape
        x = self.data_bn(x.permute(0, 4, 3, 1, 2).reshape(n * m, v * c, t))
        x = x.view(n * m, v, c, t).permute(0, 2, 3, 1)
        for layer, importance in zip(self.st_gcn_networks, self.edge_importance, strict=True):
            x = layer(x, self.A * importance)
        pooled = x.mean((2, 3)).view(n, m, -1, 1, 1).mean(1)
        return self.fcn(pooled).flatten(1)


def straightforward_stgcn(shape: InputShape) -> nn.Module:
    adjacency = stgcn_spatial(shape.edges, shape.centre, shape.num_joints)
    return StraightforwardSTGCN(shape.num_classes, adjacency)

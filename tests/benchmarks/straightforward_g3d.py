"""MS-G3D and DualHead-Net in the most direct order: the other side of the speed comparison.

Windows are unfolded, every scale is aggregated before the 1x1 convolution, every temporal branch
has convolutions of its own, the windows collapse in a 3-D convolution and every body is computed.
Modules and parameters are named as in the published checkpoints, so the keys of `state_dict` are
theirs.

Legend: B rows (persons folded in), C channels, K scales, T frames, V joints, M persons, U = W * V
nodes of a window of W frames.
"""

import torch
from torch import Tensor, nn

from models.interface import InputShape


def neighbours(edges: tuple[tuple[int, int], ...], num_joints: int) -> Tensor:
    """A + I, float32."""
    matrix = torch.eye(num_joints)
    for a, b in edges:
        matrix[a, b] = matrix[b, a] = 1
    return matrix


def hop_stack(matrix: Tensor, num_scales: int) -> Tensor:
    """(K*U, U): exact k-hop pairs and self loops, normalised; `matrix` has self loops."""
    identity = torch.eye(len(matrix))
    reached, stack = identity, [identity]
    for _ in range(1, num_scales):
        farther = (reached @ matrix).clamp(max=1)
        stack.append(farther - reached + identity)
        reached = farther
    inverse = [torch.diag(scale.sum(1) ** -0.5) for scale in stack]
    return torch.cat([d @ scale @ d for d, scale in zip(inverse, stack, strict=True)])


class Pointwise(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, activation: bool) -> None:
        super().__init__()
        conv, norm = nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels)
        self.layers = nn.Sequential(conv, norm, nn.ReLU() if activation else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class GraphConv(nn.Module):
    """MS-GCN on U nodes: (B, C, T, U) -> (B, C', T, U)."""

    def __init__(self, stack: Tensor, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.num_scales = len(stack) // stack.shape[1]
        self.register_buffer("stack", stack, persistent=False)
        self.A_res = nn.Parameter(torch.empty_like(stack).uniform_(-1e-6, 1e-6))
        self.mlp = Pointwise(self.num_scales * in_channels, out_channels, activation=True)

    def forward(self, x: Tensor) -> Tensor:
        b, _, t, v = x.shape
        matrix = (self.stack + self.A_res).view(self.num_scales, v, v)
        aggregated = torch.einsum("bctj,kij->bkcti", x, matrix)
        return self.mlp(aggregated.reshape(b, -1, t, v))


class UnfoldWindows(nn.Module):
    """(B, C, T, V) -> (B, C, T', W*V), zeros outside of the clip."""

    def __init__(self, window: int, stride: int) -> None:
        super().__init__()
        self.window = window
        self.unfold = nn.Unfold((window, 1), padding=(window // 2, 0), stride=(stride, 1))

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, v = x.shape
        windows = self.unfold(x).view(b, c, self.window, -1, v)
        return windows.transpose(2, 3).reshape(b, c, -1, self.window * v)


class WindowGraphConv(nn.Module):
    """MS-G3D with one window."""

    def __init__(
        self,
        graph: Tensor,
        in_channels: int,
        out_channels: int,
        num_scales: int,
        window: int,
        stride: int,
        is_first: bool,
    ) -> None:
        super().__init__()
        self.window = window
        embed = out_channels if is_first else in_channels
        stack = hop_stack(graph.tile(window, window), num_scales)
        unfold = UnfoldWindows(window, stride)
        self.gcn3d = nn.Sequential(unfold, GraphConv(stack, in_channels, embed))
        self.out_conv = nn.Conv3d(embed, out_channels, (1, window, 1))
        self.out_bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.gcn3d(x)
        b, c, t, _ = y.shape
        return self.out_bn(self.out_conv(y.view(b, c, t, self.window, -1)).squeeze(3))


class MultiWindow(nn.Module):
    def __init__(self, windows: tuple[int, ...], *sizes, **options) -> None:
        super().__init__()
        self.gcn3d = nn.ModuleList(
            WindowGraphConv(*sizes, window=window, **options) for window in windows
        )

    def forward(self, x: Tensor) -> Tensor:
        return sum(conv(x) for conv in self.gcn3d)


class TemporalConv(nn.Module):
    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(
            in_channels, out_channels, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1)
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class MultiScaleTemporal(nn.Module):
    """MS-TCN; without `activation` the last ReLU is left out."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        dilations: tuple[int, ...],
        activation: bool = True,
    ) -> None:
        super().__init__()
        self.activation = activation
        width = out_channels // (len(dilations) + 2)

        def entry(*rest: nn.Module) -> nn.Sequential:
            start = (nn.Conv2d(in_channels, width, 1), nn.BatchNorm2d(width), nn.ReLU())
            return nn.Sequential(*start, *rest)

        branches = [entry(TemporalConv(width, width, 3, stride, d)) for d in dilations]
        branches += [entry(nn.MaxPool2d((3, 1), (stride, 1), (1, 0)), nn.BatchNorm2d(width))]
        shortcut = nn.Conv2d(in_channels, width, 1, (stride, 1))
        branches += [nn.Sequential(shortcut, nn.BatchNorm2d(width))]
        self.branches = nn.ModuleList(branches)
        self.residual: nn.Module = nn.Identity()
        if in_channels != out_channels or stride != 1:
            self.residual = TemporalConv(in_channels, out_channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([branch(x) for branch in self.branches], 1) + self.residual(x)
        return y.relu() if self.activation else y


class Network(nn.Module):
    """Blocks are three modules each, named by a pattern: `gcn3d1`, `sgcn1`, `tcn1`."""

    def __init__(self, shape: InputShape, gcn_scales: int, g3d_scales: int) -> None:
        super().__init__()
        self.graph = neighbours(shape.edges, shape.num_joints)
        self.scales = gcn_scales, g3d_scales
        self.data_bn = nn.BatchNorm1d(shape.num_persons * shape.num_joints * shape.num_channels)

    def add_block(
        self,
        name: str,
        in_channels: int,
        out_channels: int,
        stride: int,
        windows: tuple[int, ...],
        dilations: tuple[int, ...] = (1, 2, 3, 4),
    ) -> None:
        is_first = name == "1"
        gcn_scales, g3d_scales = self.scales
        if windows:
            sizes = (windows, self.graph, in_channels, out_channels, g3d_scales)
            self.add_module(f"gcn3d{name}", MultiWindow(*sizes, stride=stride, is_first=is_first))
        middle = out_channels if is_first else in_channels
        spatial = GraphConv(hop_stack(self.graph, gcn_scales), in_channels, middle)
        strided = MultiScaleTemporal(middle, out_channels, stride, dilations)
        last = MultiScaleTemporal(out_channels, out_channels, 1, dilations, activation=False)
        self.add_module(f"sgcn{name}", nn.Sequential(spatial, strided, last))
        self.add_module(f"tcn{name}", MultiScaleTemporal(out_channels, out_channels, 1, dilations))

    def block(self, name: str, x: Tensor) -> Tensor:
        y = self.get_submodule(f"sgcn{name}")(x)
        if hasattr(self, f"gcn3d{name}"):
            y = y + self.get_submodule(f"gcn3d{name}")(x)
        return self.get_submodule(f"tcn{name}")(y.relu())

    def rows(self, x: Tensor) -> Tensor:
        n, c, t, v, m = x.shape
        x = self.data_bn(x.permute(0, 4, 3, 1, 2).reshape(n, m * v * c, t))
        return x.view(n, m, v, c, t).permute(0, 1, 3, 4, 2).reshape(n * m, c, t, v)


def pooled(rows: Tensor, num_clips: int) -> Tensor:
    return rows.view(num_clips, -1, *rows.shape[1:]).mean((1, 3, 4))


class StraightforwardMSG3D(Network):
    """(N, C, T, V, M) -> logits (N, num_classes)."""

    def __init__(
        self,
        shape: InputShape,
        *,
        width: int = 96,
        gcn_scales: int = 13,
        g3d_scales: int = 6,
        windows: tuple[int, ...] = (3, 5),
    ) -> None:
        super().__init__(shape, gcn_scales, g3d_scales)
        self.add_block("1", shape.num_channels, width, 1, windows)
        self.add_block("2", width, 2 * width, 2, windows)
        self.add_block("3", 2 * width, 4 * width, 2, windows)
        self.fc = nn.Linear(4 * width, shape.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.rows(x)
        for name in ("1", "2", "3"):
            rows = self.block(name, rows)
        return self.fc(pooled(rows, len(x)))


class StraightforwardDualHead(Network):
    """(N, C, T, V, M) -> logits of the fine and of the coarse head, (N, num_classes) each."""

    def __init__(
        self,
        shape: InputShape,
        *,
        width: int = 96,
        fine_width: int = 48,
        gcn_scales: int = 9,
        g3d_scales: int = 6,
        windows: tuple[int, ...] = (3, 5),
        coarse_windows: tuple[int, ...] = (3,),
        rate: int = 2,
        temporal: str = "cross",
        spatial: str = "cross",
    ) -> None:
        super().__init__(shape, gcn_scales, g3d_scales)
        self.rate, self.temporal, self.spatial = rate, temporal, spatial
        fine = fine_width
        self.add_block("1", shape.num_channels, width, 1, windows)
        self.embed_fine = nn.Conv2d(width, fine, 1)
        self.add_block("2_fine", fine, 2 * fine, 2, windows)
        self.add_block("3_fine", 2 * fine, 4 * fine, 2, windows)
        self.fc_fine = nn.Linear(4 * fine, shape.num_classes)
        self.add_block("2_coarse", width, 2 * width, 2, coarse_windows, (1, 2))
        self.add_block("3_coarse", 2 * width, 4 * width, 2, coarse_windows, (1, 2))
        self.fc_coarse = nn.Linear(4 * width, shape.num_classes)
        self._add_attention(fine, width, shape.num_joints)

    def _add_attention(self, fine: int, width: int, num_joints: int) -> None:
        kernel = num_joints - 1 + num_joints % 2
        for stage in (2, 3):
            source = fine * 2 ** (stage - 1) if self.temporal == "cross" else width * (stage - 1)
            if self.temporal != "none":
                conv = nn.Conv1d(source, 1, 9, padding=4)
                nn.init.zeros_(conv.weight)
                nn.init.zeros_(conv.bias)
                self.add_module(f"conv_ta_fine_to_coarse_block_{stage}_to_{stage - 1}", conv)
        for stage in (2, 3):
            source = (width if self.spatial == "cross" else fine) * 2 ** (stage - 1)
            if self.spatial != "none":
                conv = nn.Conv1d(source, 1, kernel, padding=kernel // 2)
                nn.init.xavier_normal_(conv.weight)
                nn.init.zeros_(conv.bias)
                self.add_module(f"conv_sa_coarse_to_fine_block_{stage}_to_{stage}", conv)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.block("1", self.rows(x))
        fine, coarse = self.embed_fine(rows), rows[:, :, :: self.rate]
        for stage in ("2", "3"):
            fine = self.block(f"{stage}_fine", fine)
            coarse = self._attend_frames(int(stage), coarse, fine)
            coarse = self.block(f"{stage}_coarse", coarse)
            fine = self._attend_joints(int(stage), fine, coarse)
        n = len(x)
        return self.fc_fine(pooled(fine, n)), self.fc_coarse(pooled(coarse, n))

    def _attend_frames(self, stage: int, coarse: Tensor, fine: Tensor) -> Tensor:
        if self.temporal == "none":
            return coarse
        conv = self.get_submodule(f"conv_ta_fine_to_coarse_block_{stage}_to_{stage - 1}")
        if self.temporal == "self":
            attention = conv(coarse.mean(3)).sigmoid()
        else:
            frames = torch.arange(coarse.shape[2], device=coarse.device) * self.rate // 2
            attention = conv(fine.mean(3)).sigmoid()[:, :, frames]
        return coarse * attention[..., None] + coarse

    def _attend_joints(self, stage: int, fine: Tensor, coarse: Tensor) -> Tensor:
        if self.spatial == "none":
            return fine
        conv = self.get_submodule(f"conv_sa_coarse_to_fine_block_{stage}_to_{stage}")
        attention = conv((coarse if self.spatial == "cross" else fine).mean(2)).sigmoid()
        return fine * attention[:, :, None] + fine

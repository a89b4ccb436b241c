"""The transform network of SLnL-rFA: learnt coordinate systems and learnt joints.

Legend: B rows (persons of clips), C coordinates, K coordinate systems, T frames, V joints,
V' learnt joints.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

Transform = Literal["cs", "c", "s", "cnn", "none"]
TransformActivation = Literal["none", "relu"]


@dataclass(frozen=True, kw_only=True)
class TransformOptions:
    """`activation` stands between the coordinate and the skeleton transformer."""

    kind: Transform = "cs"
    coordinate_systems: int = 10
    new_joints: int = 64
    activation: TransformActivation = "none"

    def __post_init__(self) -> None:
        if min(self.coordinate_systems, self.new_joints) < 1:
            raise ValueError(
                "coordinate_systems and new_joints must be at least 1, got "
                f"{self.coordinate_systems} and {self.new_joints}"
            )

    def out_channels(self, num_channels: int) -> int:
        return num_channels * (1 if self.kind in ("s", "none") else self.coordinate_systems)

    def out_joints(self, num_joints: int) -> int:
        return self.new_joints if self.kind in ("s", "cs") else num_joints


class TransformNetwork(nn.Sequential):
    """(B, C, T, V) -> (B, `out_channels`, T, `out_joints`) of the options (arXiv 1811.04237).

    `c`: every joint in K coordinate systems, K * C channels. `s`: V' joints, each a combination of
    the given ones. `cs`: first `c`, then `s`. `cnn`: two 3x3 convolutions instead, to K * C
    channels. `none`: the input.
    """

    def __init__(self, num_channels: int, num_joints: int, options: TransformOptions) -> None:
        super().__init__()
        kind = options.kind
        if kind == "cnn":
            self.extend(_convolutions(num_channels, options.out_channels(num_channels)))
        if kind in ("c", "cs"):
            self.append(coordinate_transformer(num_channels, options.coordinate_systems))
        if kind == "cs" and options.activation == "relu":
            self.append(nn.ReLU())
        if kind in ("s", "cs"):
            self.append(skeleton_transformer(num_joints, options.new_joints))


def coordinate_transformer(num_channels: int, num_systems: int) -> nn.Conv2d:
    """p -> (A_1 p, ..., A_K p), the same for all joints and frames; every A_k starts orthogonal."""
    conv = nn.Conv2d(num_channels, num_systems * num_channels, 1, bias=False)
    with torch.no_grad():
        for system in conv.weight.view(num_systems, num_channels, num_channels):
            nn.init.orthogonal_(system)
    return conv


def skeleton_transformer(num_joints: int, new_joints: int) -> nn.Linear:
    """X -> X W^T over the joints, the same for all channels and frames."""
    linear = nn.Linear(num_joints, new_joints, bias=False)
    nn.init.xavier_uniform_(linear.weight)
    return linear


def _convolutions(in_channels: int, out_channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        conv = nn.Conv2d(channels, out_channels, 3, padding=1)
        nn.init.xavier_uniform_(conv.weight)
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
        layers += [conv, nn.ReLU()]
    return layers

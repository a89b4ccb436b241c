"""Deterministic fill of a model's parameters and inputs for the published golden values."""

import math

import torch
from torch import Tensor, nn

from models.interface import InputShape
from models.pointwise import Pointwise, SubsetPointwise
from models.skeletons import SKELETONS
from models.topology import TopologyGraphConv

TOLERANCE = {"atol": 6e-10, "rtol": 0.0}  # the golden values have nine decimals


def input_shape(skeleton: str = "ntu25", **sizes: int) -> InputShape:
    named = SKELETONS[skeleton]
    defaults = {"num_classes": 6, "num_channels": 3, "num_frames": 16, "num_persons": 2}
    return InputShape(
        **(defaults | sizes), num_joints=named.num_joints, edges=named.edges, centre=named.centre
    )


def golden_input(n: int, c: int, t: int, v: int, m: int) -> Tensor:
    index = torch.meshgrid(
        *(torch.arange(size, dtype=torch.float64) for size in (n, c, t, v, m)), indexing="ij"
    )
    return torch.sin(
        0.1 * (index[2] + 1) + 0.7 * index[1] + 0.3 * index[3] + 1.3 * index[4] + 0.9 * index[0]
    )


def fill_golden(module: nn.Module) -> nn.Module:
    """Fill every (unfused) convolution by its own flat index; norms stay neutral, alpha is 0.5."""
    module.double().eval()
    for part in module.modules():
        if isinstance(part, Pointwise):
            fill(part.weight, part.bias, part.copies)
        elif isinstance(part, SubsetPointwise):
            fill(part.weight.flatten(0, 1), part.bias.flatten(), len(part.weight))
        elif isinstance(part, nn.Conv2d | nn.Linear):
            fill(part.weight, part.bias)
        elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.reset_parameters()
        elif isinstance(part, TopologyGraphConv):
            nn.init.constant_(part.alpha, 0.5)
    return module


@torch.no_grad()
def fill(weight: Tensor, bias: Tensor, copies: int = 1) -> None:
    k = torch.arange(weight.numel() // copies, dtype=torch.float64).repeat(copies)
    fan_in = math.prod(weight.shape[1:])
    weight.copy_((torch.cos(1.1 * k + 0.5) / math.sqrt(fan_in)).view_as(weight))
    k = torch.arange(bias.numel() // copies, dtype=torch.float64).repeat(copies)
    bias.copy_((0.05 * torch.sin(0.9 * k + 0.1)).view_as(bias))

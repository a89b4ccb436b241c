"""Golden values of MS-G3D and DualHead-Net, computed independently in float64.

Every number stands for one call in training mode and one in evaluation mode after it.
"""

import json
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from models.interface import InputShape
from models.skeletons import SKELETONS

GOLDEN = json.loads((Path(__file__).parent / "g3d_golden.json").read_text())
CASES = GOLDEN["cases"]
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}  # the adjacency is rounded to float32


def input_shape(skeleton: str = "ntu25", num_classes: int = 60) -> InputShape:
    named = SKELETONS[skeleton]
    return InputShape(num_classes, 3, 64, named.num_joints, 2, named.edges, named.centre)


@torch.no_grad()
def fill_golden(module: nn.Module) -> nn.Module:
    """Fill every parameter of a straightforward network or part by its flat index."""
    for part in module.double().modules():
        is_norm = isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)
        for name, parameter in part.named_parameters(recurse=False):
            index = torch.arange(parameter.numel(), dtype=torch.float64)
            wave = torch.sin(1 + 0.37 * index + 0.01 * parameter.numel()).view_as(parameter)
            if is_norm:
                parameter.copy_(0.2 * wave + (name == "weight"))
            else:
                parameter.copy_((0.01 if name == "A_res" else 0.1) * wave)
    return module


def golden_input(shape: list[int]) -> Tensor:
    index = torch.arange(math.prod(shape), dtype=torch.float64)
    chirp = torch.cos((0.0071 * index * index) % (2 * math.pi))
    return (torch.sin(0.13 * index) + 0.5 * chirp).view(shape)


def assert_golden(y: Tensor, golden: dict) -> None:
    flat, middle = y.detach().flatten(), y.numel() // 2
    actual = [flat.sum(), flat.abs().sum(), *flat[:4], *flat[middle : middle + 4], *flat[-4:]]
    numbers = ("sum", "abs_sum"), ("first", "mid", "last")
    expected = [golden[name] for name in numbers[0]]
    expected += [value for name in numbers[1] for value in golden[name]]
    assert list(y.shape) == golden["shape"]
    torch.testing.assert_close(
        torch.stack(actual), torch.tensor(expected, dtype=y.dtype), **TOLERANCE
    )

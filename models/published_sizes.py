"""What the shapes of a published checkpoint tell: sizes of the clips and options of the model.

A size stands in many tensors, so the most frequent reading counts: a tensor that is missing or
misshapen spoils none. What cannot be read is None.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

Shape = tuple[int, ...]
Found = dict[str, Any]

NTU60 = {"num_classes": 60, "num_channels": 3, "num_joints": 25, "num_persons": 2}


class Shapes:
    """The shapes of a checkpoint by key."""

    def __init__(self, state_dict: Mapping[str, Tensor]) -> None:
        self._by_key = {key: tuple(tensor.shape) for key, tensor in state_dict.items()}

    def read(self, pattern: str, size: Callable[[Shape], int]) -> int | None:
        """The most frequent `size` of the tensors whose whole key matches; None without one."""
        readings = Counter[int]()
        for key, shape in self._by_key.items():
            if re.fullmatch(pattern, key):
                try:
                    readings[size(shape)] += 1
                except (IndexError, ZeroDivisionError):
                    continue
        return readings.most_common(1)[0][0] if readings else None

    def numbers(self, pattern: str) -> list[int]:
        """The numbers, ascending, that the pattern's group stands for in the keys' beginnings."""
        matches = (re.match(pattern, key) for key in self._by_key)
        return sorted({int(match[1]) for match in matches if match})


def persons(shapes: Shapes, num_joints: int, num_channels: int) -> int | None:
    """Of a data norm with statistics for every person slot."""
    per_person = num_joints * num_channels
    return shapes.read(r"data_bn\..*", lambda s: max(1, s[0] // per_person))


def ctrgcn_sizes(shapes: Shapes) -> Found:
    subset = r"l1\.gcn1\.convs\.\d+\.conv[12]\.weight"
    return {
        "num_classes": shapes.read(r"fc\.(weight|bias)", lambda s: s[0]),
        "num_channels": shapes.read(subset, lambda s: s[1]),
        "num_joints": shapes.read(r"l\d+\.gcn1\.PA", lambda s: s[-1]),
    }


def ctrgcn_options(shapes: Shapes) -> Found:
    kernel = _kernel(shapes, 1)
    return {
        "width": _width(shapes),
        "rel_reduction": _reduction(shapes),
        "temporal_kernels": kernel and (kernel,),
    }


def mdrgcn_options(shapes: Shapes) -> Found:
    numbers = shapes.numbers(r"l\d+\.tcn(\d+)\.")
    kernels = (_kernel(shapes, number) for number in numbers)
    return {
        "width": _width(shapes),
        "cvsta_ratio": _reduction(shapes),
        "temporal_kernels": tuple(kernel for kernel in kernels if kernel) or None,
    }


def _width(shapes: Shapes) -> int | None:
    return shapes.read(r"l[1-4]\.gcn1\.convs\.\d+\.conv3\.(weight|bias)", lambda s: s[0])


def _reduction(shapes: Shapes) -> int | None:
    """C_in // C_mid, of all layers but the first."""
    pooled = r"l([2-9]|\d\d)\.gcn1\.convs\.\d+\.conv[12]\.weight"
    return shapes.read(pooled, lambda s: s[1] // s[0])


def _kernel(shapes: Shapes, tcn: int) -> int | None:
    conv = rf"l\d+\.tcn{tcn}\.branches\.\d+\.3\.conv\.weight"
    return shapes.read(conv, lambda s: s[2])


def msg3d_sizes(shapes: Shapes) -> Found:
    """Also of DualHead-Net."""
    scales = _gcn_scales(shapes)
    inputs = shapes.read(r"sgcn1\.0\.mlp\.layers\.0\.weight", lambda s: s[1])
    return {
        "num_classes": shapes.read(r"fc(_\w+)?\.(weight|bias)", lambda s: s[0]),
        "num_channels": inputs and scales and inputs // scales,
        "num_joints": shapes.read(r"sgcn\d(_\w+)?\.0\.A_res", lambda s: s[1]),
    }


def msg3d_options(shapes: Shapes) -> Found:
    return {
        "width": shapes.read(r"sgcn1\.0\.mlp\.layers\..*", lambda s: s[0]),
        "gcn_scales": _gcn_scales(shapes),
        "g3d_scales": shapes.read(r"gcn3d\d(_\w+)?\..*A_res", lambda s: s[0] // s[1]),
        "windows": _windows(shapes, r"gcn3d\d(?:_fine)?"),
    }


def dualhead_options(shapes: Shapes) -> Found:
    fine = r"(embed_fine|sgcn2_fine\.0\.mlp\.layers)\..*"
    return msg3d_options(shapes) | {
        "fine_width": shapes.read(fine, lambda s: s[0]),
        "coarse_windows": _windows(shapes, r"gcn3d\d_coarse"),
    }


def _gcn_scales(shapes: Shapes) -> int | None:
    return shapes.read(r"sgcn\d(_\w+)?\.0\.A_res", lambda s: s[0] // s[1])


def _windows(shapes: Shapes, blocks: str) -> tuple[int, ...] | None:
    numbers = shapes.numbers(rf"{blocks}\.gcn3d\.(\d+)\.")
    weights = (rf"{blocks}\.gcn3d\.{number}\.out_conv\.weight" for number in numbers)
    windows = (shapes.read(weight, lambda s: s[3]) for weight in weights)
    return tuple(window for window in windows if window) or None


def stgcn_sizes(shapes: Shapes) -> Found:
    """The data norm is shared by the persons, of whom two are the rule."""
    joints = shapes.read(r"A|edge_importance\.\d+", lambda s: s[2])
    return {
        "num_classes": shapes.read(r"fcn\.(weight|bias)", lambda s: s[0]),
        "num_channels": joints and shapes.read(r"data_bn\..*", lambda s: s[0] // joints),
        "num_joints": joints,
        "num_persons": 2,
    }


def stgcn_options(shapes: Shapes) -> Found:
    layers = len(shapes.numbers(r"st_gcn_networks\.(\d+)\."))
    first = r"st_gcn_networks\.[0-2]\.tcn\.[03]\.(weight|bias)"
    conv = r"st_gcn_networks\.\d+\.tcn\.2\.weight"
    return {
        "width": shapes.read(first, lambda s: s[0]),
        "num_layers": layers if layers in (9, 10) else None,
        "temporal_kernel": shapes.read(conv, lambda s: s[2]),
    }

"""Architectures by name. A new one is a builder in its own file and a line in `MODELS`."""

from collections.abc import Callable

from torch import nn

from models.ctrgcn import ctrgcn
from models.mdrgcn import mdrgcn

MODELS: dict[str, Callable[..., nn.Module]] = {
    "ctrgcn": ctrgcn,
    "mdrgcn": mdrgcn,
}

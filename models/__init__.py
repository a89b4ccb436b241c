"""Architectures by name. A new one is a builder in its own file and a line in `MODELS`."""

from collections.abc import Callable

from models.agcn import agcn
from models.ctrgcn import ctrgcn
from models.interface import SkeletonModel
from models.mdrgcn import mdrgcn
from models.slnl import slnl
from models.stgcn import stgcn

MODELS: dict[str, Callable[..., SkeletonModel]] = {
    "agcn": agcn,
    "ctrgcn": ctrgcn,
    "mdrgcn": mdrgcn,
    "slnl": slnl,
    "stgcn": stgcn,
}

"""Architectures by name. A new one is a builder in its own file and a line in `MODELS`."""

from collections.abc import Callable

from models.agcn import agcn
from models.ctrgcn import ctrgcn
from models.dualhead import dualhead
from models.interface import SkeletonModel
from models.mdrgcn import mdrgcn
from models.msg3d import msg3d
from models.slnl import slnl
from models.stgcn import stgcn

MODELS: dict[str, Callable[..., SkeletonModel]] = {
    "agcn": agcn,
    "ctrgcn": ctrgcn,
    "dualhead": dualhead,
    "mdrgcn": mdrgcn,
    "msg3d": msg3d,
    "slnl": slnl,
    "stgcn": stgcn,
}

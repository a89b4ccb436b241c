"""Losses by kind and name. A new one is a builder in its family's file and a line in `LOSSES`."""

from collections.abc import Callable

from torch import nn

from losses.cross_entropy import cross_entropy
from losses.rdl import RDL
from losses.soft_margin import focal, smce, smfl

LOSSES: dict[str, dict[str, Callable[..., nn.Module]]] = {
    "classification": {
        "cross_entropy": cross_entropy,
        "focal": focal,
        "smce": smce,
        "smfl": smfl,
    },
    "embedding": {"rdl": RDL},
}

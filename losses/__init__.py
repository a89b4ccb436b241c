"""Losses by kind and name. A new one is a builder in its family's file and a line in `LOSSES`."""

from collections.abc import Callable

from torch import nn

from losses.center import CenterLoss
from losses.cross_entropy import cross_entropy
from losses.lace import lace
from losses.margin import arcface, cosface
from losses.rdl import RDL
from losses.soft_margin import focal, smce, smfl
from losses.sphereface import sphereface

LOSSES: dict[str, dict[str, Callable[..., nn.Module]]] = {
    "classification": {
        "cross_entropy": cross_entropy,
        "focal": focal,
        "smce": smce,
        "smfl": smfl,
        "cosface": cosface,
        "arcface": arcface,
        "sphereface": sphereface,
        "lace": lace,
    },
    "embedding": {"rdl": RDL, "center": CenterLoss},
}

"""Losses are computed in float32 or better, whatever the network ran in."""

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def full_precision(x: Tensor) -> torch.autocast:
    """A context without autocast on the device of `x`; where nothing is computed there is none."""
    device = "cpu" if x.is_meta else x.device.type
    return torch.autocast(device, enabled=False)

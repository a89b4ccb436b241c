"""Vectors of length one, for the losses on angles."""

from torch import Tensor
from torch.nn import functional as F


def direction(x: Tensor) -> Tensor:
    """x / |x| of every row (N, D); a row of zeros stays so and has a gradient of zero."""
    is_zero = (x == 0).all(dim=1, keepdim=True)
    return F.normalize(x.masked_fill(is_zero, 0.0))

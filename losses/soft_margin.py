"""Focal, soft-margin cross-entropy and soft-margin focal loss (1901.02657).

With p the softmax of the target class and q = 1 - p:

    focal  FL = q^gamma * -log p
    SMCE      = -log p + SM,  SM = log(e^m + (1 - e^m) p)
    SMFL      = FL + SM

SMCE is the cross-entropy whose target logit is lowered by the margin m.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from losses.precision import at_least_float32, full_precision

Combine = Literal["add", "mul"]

LARGEST_MARGIN = 80  # its exponential is finite in float32


class SoftMarginFocal(nn.Module):
    """q^gamma * CE + SM (`add`) or q^gamma * (CE + SM) (`mul`), the mean over the batch.

    Stable for any logits: q = -expm1(log p) and SM = log1p(expm1(m) * q), which is exact and has
    a non-negative argument.
    """

    def __init__(
        self, *, gamma: float = 0.0, margin: float = 0.0, combine: Combine = "add"
    ) -> None:
        super().__init__()
        if gamma < 0 or not 0 <= margin <= LARGEST_MARGIN:
            raise ValueError(
                f"gamma must not be negative and margin be in 0..{LARGEST_MARGIN}, "
                f"got gamma={gamma}, margin={margin}"
            )
        self.gamma = gamma
        self.margin = margin
        self.combine = combine

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean over the batch of logits (N, K) and labels (N,)."""
        with full_precision(logits):
            log_p = at_least_float32(logits).log_softmax(1).gather(1, labels[:, None])
            q = -torch.expm1(log_p)
            focus, soft_margin = self._focus(q), self._soft_margin(q)
            if self.combine == "mul":
                return (focus * (soft_margin - log_p)).mean()
            return (soft_margin - focus * log_p).mean()

    def _focus(self, q: Tensor) -> Tensor:
        if self.gamma == 0:
            return torch.ones_like(q)
        # the slope of q^gamma is infinite at q = 0 when gamma is below one
        return q.clamp_min(torch.finfo(q.dtype).tiny) ** self.gamma

    def _soft_margin(self, q: Tensor) -> Tensor:
        if self.margin == 0:
            return torch.zeros_like(q)
        return torch.log1p(math.expm1(self.margin) * q)


def focal(*, gamma: float = 2.0) -> nn.Module:
    """Focal loss; gamma 0 is the cross-entropy. Raises ValueError if gamma is negative."""
    return SoftMarginFocal(gamma=gamma)


def smce(*, margin: float = 0.4) -> nn.Module:
    """Soft-margin cross-entropy. Raises ValueError if margin is not in 0..80."""
    return SoftMarginFocal(margin=margin)


def smfl(*, gamma: float = 2.0, margin: float = 0.4, combine: Combine = "add") -> nn.Module:
    """Soft-margin focal loss: the margin is added to FL, or lies inside its factor (`mul`).

    Raises:
        ValueError: if gamma is negative or margin is not in 0..80.
    """
    return SoftMarginFocal(gamma=gamma, margin=margin, combine=combine)

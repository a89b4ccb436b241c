"""SphereFace, the angular softmax (1704.08063).

Legend: N batch, D features, K classes; cos_j the cosine between the features f and the class
weights W_j, theta_j its angle, y the class of the sample.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from losses.direction import direction
from losses.margin import MarginLoss, cross_entropy_with_target, draw_weights
from losses.precision import at_least_float32, full_precision

TINY_NORM = 1e-12


class UnitWeightClassifier(nn.Module):
    """|f| * cos_j: a linear layer of unit weights, without a bias, in float32 or better."""

    def __init__(self, feature_dim: int, num_classes: int) -> None:
        super().__init__()
        self.weight = draw_weights(num_classes, feature_dim)

    def forward(self, features: Tensor) -> Tensor:
        with full_precision(features):
            return F.linear(at_least_float32(features), direction(self.weight))


class SphereFace(MarginLoss):
    """The own score is |f| * (lam * cos_y + psi(theta_y)) / (1 + lam); lam falls with training.

    psi(theta) = (-1)^k * cos(margin * theta) - 2k for theta in [k, k + 1] * pi / margin (eq. 7).
    """

    takes_embedding = True
    iteration: Tensor

    def __init__(self, margin: int, lam_base: float, lam_min: float, lam_decay: float) -> None:
        super().__init__()
        if margin < 1:
            raise ValueError(f"margin must be at least 1, got {margin}")
        if min(lam_base, lam_min, lam_decay) < 0:
            raise ValueError(
                "lam_base, lam_min and lam_decay must not be negative, "
                f"got lam_base={lam_base}, lam_min={lam_min}, lam_decay={lam_decay}"
            )
        self.margin = margin
        self.lam_base, self.lam_min, self.lam_decay = lam_base, lam_min, lam_decay
        self.register_buffer("iteration", torch.zeros((), dtype=torch.int64))

    def make_classifier(self, feature_dim: int, num_classes: int) -> nn.Module:
        return UnitWeightClassifier(feature_dim, num_classes)

    def forward(self, scores: Tensor, labels: Tensor, embedding: Tensor) -> Tensor:
        """Mean over the batch of scores (N, K) = |f| * cos_j, labels (N,) and features f (N, D).

        Every call in training mode counts as an iteration.
        """
        with full_precision(scores):
            scores = at_least_float32(scores)
            own = scores.gather(1, labels[:, None])
            norm = torch.linalg.vector_norm(at_least_float32(embedding), dim=1, keepdim=True)
            cosine = (own / norm.clamp_min(TINY_NORM)).clamp(-1, 1)
            lam = self._next_lam()
            target = (lam * own + norm * self.psi(cosine)) / (1 + lam)
            return cross_entropy_with_target(scores, labels, target)

    def psi(self, cosine: Tensor) -> Tensor:
        """The monotonic extension of cos(margin * theta) from its first half wave to [0, pi]."""
        theta = cosine.detach().acos()
        k = (self.margin * theta / math.pi).floor().clamp(max=self.margin - 1)
        return (1 - 2 * (k % 2)) * self._cosine_of_multiple(cosine) - 2 * k

    def _cosine_of_multiple(self, cosine: Tensor) -> Tensor:
        """cos(margin * theta) as Chebyshev's polynomial of cos(theta): its slope is finite."""
        previous, current = torch.ones_like(cosine), cosine
        for _ in range(self.margin - 1):
            previous, current = current, 2 * cosine * current - previous
        return current

    def _next_lam(self) -> Tensor:
        lam = self.lam_base / (1 + self.lam_decay * self.iteration)
        if self.training:
            self.iteration = self.iteration + 1  # not in place: compiled, the backward reads it
        return lam.clamp_min(self.lam_min)


def sphereface(
    *,
    margin: int = 4,
    lam_base: float = 1000.0,
    lam_min: float = 5.0,
    lam_decay: float = 0.12,
) -> nn.Module:
    """SphereFace: the angle to the own class counts `margin` times.

    lam = max(lam_min, lam_base / (1 + lam_decay * iteration)) mixes the plain cosine in; without
    it training diverges.

    Raises:
        ValueError: if margin is below 1 or one of the others is negative.
    """
    return SphereFace(margin, lam_base, lam_min, lam_decay)

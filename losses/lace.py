"""LACE, the learnable adaptive cosine estimator (2110.05324).

Legend: N batch, D features, K classes; f features (N, D), s signatures (K, D), mu (D) and
B B^T (D, D) the mean and the covariance of one background for all classes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from losses.direction import direction
from losses.margin import MarginLoss, draw_weights
from losses.precision import at_least_float32, full_precision


class WhitenedCosineClassifier(nn.Module):
    """scale * the cosine of f - mu and s_j after whitening by B B^T + ridge * I.

    Any square root of the inverse covariance gives the same cosines; here it is that of Cholesky.
    B starts as the identity. The scores are NaN where the covariance is not positive definite in
    floating point, as after a divergence.
    """

    def __init__(self, feature_dim: int, num_classes: int, scale: float, ridge: float) -> None:
        super().__init__()
        self.scale = scale
        self.ridge = ridge
        self.signatures = draw_weights(num_classes, feature_dim)
        self.mean = draw_weights(feature_dim)
        self.root = nn.Parameter(torch.eye(feature_dim))

    def forward(self, features: Tensor) -> Tensor:
        with full_precision(features):
            factor = self._covariance_factor()
            x = _solved(factor, at_least_float32(features) - self.mean)
            return self.scale * F.linear(direction(x), direction(_solved(factor, self.signatures)))

    def _covariance_factor(self) -> Tensor:
        """The lower triangle L of L L^T = B B^T + ridge * I."""
        covariance = self.root @ self.root.T
        eye = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        factor: Tensor
        factor, info = torch.linalg.cholesky_ex(covariance + self.ridge * eye)
        return factor.masked_fill(info != 0, torch.nan)


def _solved(factor: Tensor, rows: Tensor) -> Tensor:
    """L^-1 u of every row u."""
    columns: Tensor = torch.linalg.solve_triangular(factor, rows.T, upper=False)
    return columns.T


class LACE(MarginLoss):
    """Cross-entropy of the whitened cosines; it has no margin."""

    def __init__(self, scale: float, ridge: float) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale must be positive, got {scale}")
        if ridge < 0:
            raise ValueError(f"ridge must not be negative, got {ridge}")
        self.scale = scale
        self.ridge = ridge

    def make_classifier(self, feature_dim: int, num_classes: int) -> nn.Module:
        return WhitenedCosineClassifier(feature_dim, num_classes, self.scale, self.ridge)

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Mean over the batch of scores (N, K) = scale * cosines and labels (N,)."""
        with full_precision(scores):
            return F.cross_entropy(at_least_float32(scores), labels)


def lace(*, scale: float = 1.0, ridge: float = 1e-4) -> nn.Module:
    """LACE; `ridge` keeps the learnt covariance invertible, the paper has neither it nor a scale.

    At a scale of one the loss cannot fall far below that of chance (to 1.38 from 2.30 with ten
    classes) and its gradients do not vanish.

    Raises:
        ValueError: if scale is not positive or ridge is negative.
    """
    return LACE(scale, ridge)

"""Losses on the angles between features and class weights: CosFace and ArcFace.

Legend: N batch, D features, K classes; f features (N, D), W class weights (K, D), and
cos_j the cosine between f and W_j, theta_j its angle, y the class of the sample.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from losses.direction import direction
from losses.precision import at_least_float32, full_precision

COSINE_LIMIT = 1 - 1e-7  # the slope of the sine is infinite at a cosine of one


class MarginLoss(nn.Module, ABC):
    """A classification loss that comes with a classifier, to be put in place of a linear one.

    The classifier maps features (N, D) to the scores (N, K) of inference, without a margin. The
    loss is called with these scores as `loss(scores, labels)`; where `takes_embedding` is true it
    is `loss(scores, labels, features)`.
    """

    takes_embedding: bool = False

    @abstractmethod
    def make_classifier(self, feature_dim: int, num_classes: int) -> nn.Module:
        """A new classifier, its weights drawn from torch's generator."""


class CosineClassifier(nn.Module):
    """scale * cos_j, without a bias and in float32 or better."""

    def __init__(self, feature_dim: int, num_classes: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = draw_weights(num_classes, feature_dim)

    def forward(self, features: Tensor) -> Tensor:
        with full_precision(features):
            x = direction(at_least_float32(features))
            return self.scale * F.linear(x, direction(self.weight))


def draw_weights(*shape: int) -> nn.Parameter:
    """(..., D), uniform within 1 / sqrt(D) of zero, as a linear layer starts."""
    bound = shape[-1] ** -0.5
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


def cross_entropy_with_target(scores: Tensor, labels: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of scores (N, K), those of the own classes replaced by `target` (N, 1)."""
    return F.cross_entropy(scores.scatter(1, labels[:, None], target), labels)


class CosineMargin(MarginLoss):
    """Softmax of scale * cos_j, of which `margin_cosine` changes that of the own class."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale must be positive, got {scale}")
        self.scale = scale

    def make_classifier(self, feature_dim: int, num_classes: int) -> nn.Module:
        return CosineClassifier(feature_dim, num_classes, self.scale)

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Mean over the batch of scores (N, K) = scale * cos_j and labels (N,)."""
        with full_precision(scores):
            scores = at_least_float32(scores)
            cosine = scores.gather(1, labels[:, None]) / self.scale
            target = self.scale * self.margin_cosine(cosine)
            return cross_entropy_with_target(scores, labels, target)

    @abstractmethod
    def margin_cosine(self, cosine: Tensor) -> Tensor: ...


class CosFace(CosineMargin):
    def __init__(self, scale: float, margin: float) -> None:
        super().__init__(scale)
        if margin < 0:
            raise ValueError(f"margin must not be negative, got {margin}")
        self.margin = margin

    def margin_cosine(self, cosine: Tensor) -> Tensor:
        return cosine - self.margin


class ArcFace(CosineMargin):
    def __init__(self, scale: float, margin: float) -> None:
        super().__init__(scale)
        if not 0 <= margin < math.pi:
            raise ValueError(f"margin must be an angle in [0, pi), got {margin}")
        self.margin = margin

    def margin_cosine(self, cosine: Tensor) -> Tensor:
        cos_m, sin_m = math.cos(self.margin), math.sin(self.margin)
        inside = cosine.clamp(-COSINE_LIMIT, COSINE_LIMIT)
        sine = ((1 - inside) * (1 + inside)).sqrt()
        rotated = inside * cos_m - sine * sin_m
        # cos(theta + m) rises again beyond pi
        return torch.where(inside >= -cos_m, rotated, cosine - self.margin * sin_m)


def cosface(*, scale: float = 64.0, margin: float = 0.35) -> nn.Module:
    """CosFace (1801.09414, eq. 4): scale * (cos_y - margin); margin 0 is the normalised softmax.

    Raises:
        ValueError: if scale is not positive or margin is negative.
    """
    return CosFace(scale, margin)


def arcface(*, scale: float = 64.0, margin: float = 0.5) -> nn.Module:
    """ArcFace (1801.07698, eq. 3): scale * cos(theta_y + margin), margin in radians.

    Where theta_y + margin exceeds pi it is scale * (cos_y - margin * sin(margin)).

    Raises:
        ValueError: if scale is not positive or margin is not in [0, pi).
    """
    return ArcFace(scale, margin)

"""Softmax cross-entropy."""

from torch import Tensor, nn
from torch.nn import functional as F

from losses.precision import at_least_float32, full_precision


class CrossEntropy(nn.Module):
    def __init__(self, label_smoothing: float) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean over the batch of logits (N, K) and labels (N,)."""
        with full_precision(logits):
            return F.cross_entropy(
                at_least_float32(logits), labels, label_smoothing=self.label_smoothing
            )


def cross_entropy(*, label_smoothing: float = 0.0) -> nn.Module:
    """Cross-entropy; `label_smoothing` of the target goes evenly to all classes.

    Raises:
        ValueError: if label_smoothing is not in [0, 1).
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
    return CrossEntropy(label_smoothing)

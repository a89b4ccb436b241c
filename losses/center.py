"""Center loss (Wen et al., ECCV 2016), and the centres that losses on the embedding share.

Legend: N batch, K classes, D embedding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from losses.precision import at_least_float32, full_precision


def draw_centers(num_classes: int, embedding_dim: int) -> Tensor:
    """A centre (K, D) for every class, N(0, 1). Raises ValueError on a size below 1."""
    if num_classes < 1 or embedding_dim < 1:
        raise ValueError(
            "num_classes and embedding_dim must be at least 1, "
            f"got num_classes={num_classes}, embedding_dim={embedding_dim}"
        )
    return torch.randn(num_classes, embedding_dim)


class CenterLoss(nn.Module):
    """weight * 1/2 * sum |x_i - c_{y_i}|^2 over the batch (eq. 2), added to a classification loss.

    The centres are no parameters: after the loss of a training batch every c_j moves by
    -update_rate * sum_{i: y_i = j} (c_j - x_i) / (1 + number of these i) (eq. 4).

    Raises ValueError on sizes below 1, a negative weight, or an update rate outside of [0, 1].
    """

    centers: Tensor

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int,
        *,
        weight: float = 0.003,
        update_rate: float = 0.5,
    ) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"weight must not be negative, got {weight}")
        if not 0 <= update_rate <= 1:
            raise ValueError(f"update_rate must be in [0, 1], got {update_rate}")
        self.weight = weight
        self.update_rate = update_rate
        self.register_buffer("centers", draw_centers(num_classes, embedding_dim))

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """The scalar loss of embeddings (N, D) with labels (N,)."""
        with full_precision(embedding):
            offset = at_least_float32(embedding) - self.centers[labels]
            if self.training:
                self._move_centers(offset.detach(), labels)
            return self.weight / 2 * offset.square().sum()

    def _move_centers(self, offset: Tensor, labels: Tensor) -> None:
        # a product with the one-hot labels sums in the same order every time, on every device
        members = F.one_hot(labels, len(self.centers)).to(offset.dtype)
        step = (members.T @ offset) / (1 + members.sum(dim=0))[:, None]
        # not in place: compiled, the backward pass computes the offset again
        self.centers = self.centers + self.update_rate * step

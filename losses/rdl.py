"""Robust Decouple Loss (RDL) of MDR-GCN (arXiv 2306.15321, eq. 7-12).

Legend: N batch, K classes, D embedding; x embeddings (N, D), c centres (K, D).
"""

from typing import Literal

import torch
from torch import Tensor, nn

from losses.center import draw_centers
from losses.direction import direction
from losses.precision import at_least_float32, full_precision

Mode = Literal["paper", "released"]
Negatives = Literal["class", "batch"]

RELEASED_CLAMP = (1e-12, 1e12)


class RDL(nn.Module):
    """weight * (intra * L_in - inter * L_out + norm * L_norm), a term of weight 0 is skipped.

    L_in (eq. 7) is the mean of (1 - cos(x, own centre))^2, L_out (eq. 8) that of
    1 - cos(x, other centres), L_norm (eq. 9, 10) that of (1 - |x| / |own centre|)^2. The centres
    start as N(0, 1) and are learnt; the paper steps them with plain SGD of their own.

    `mode`: `paper` is eq. 7-11; `released`, as the authors released it, squares the intra distance
    twice and has a triplet-like inter term. `negatives` of the paper's inter term: all other
    classes, or those in the batch. `eps` is added to the centre's norm.

    Raises ValueError on sizes below 1, an eps that is not positive, or `negatives` other than
    `class` in `released` mode, which pairs the batch in its own way.
    """

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int,
        *,
        intra: float = 1.0,
        inter: float = 0.01,
        norm: float = 0.01,
        weight: float = 1.0,
        mode: Mode = "paper",
        negatives: Negatives = "class",
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        if eps <= 0:
            raise ValueError(f"eps must be positive, got {eps}")
        if mode == "released" and negatives != "class":
            raise ValueError(
                f'negatives needs mode="paper", got negatives={negatives!r}, mode={mode!r}'
            )
        self.intra, self.inter, self.norm, self.weight = intra, inter, norm, weight
        self.mode = mode
        self.negatives = negatives
        self.eps = eps
        self.centers = nn.Parameter(draw_centers(num_classes, embedding_dim))

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """The scalar loss of embeddings (N, D) with labels (N,)."""
        with full_precision(embedding):
            x = at_least_float32(embedding)
            total = x.new_zeros(())
            if self.weight == 0:
                return total
            if self.intra:
                total = total + self.intra * self.intra_term(x, labels)
            if self.inter:
                total = total - self.inter * self.inter_term(x, labels)
            if self.norm:
                total = total + self.norm * self.norm_term(x, labels)
            return total * self.weight

    def intra_term(self, x: Tensor, labels: Tensor) -> Tensor:
        own = 1 - (direction(x) * direction(self.centers[labels])).sum(1)
        if self.mode == "released":
            return own.pow(4).clamp(*RELEASED_CLAMP).mean()  # squared twice
        return own.square().mean()

    def inter_term(self, x: Tensor, labels: Tensor) -> Tensor:
        if self.mode == "released":
            return self._released_inter(x, labels)
        distances = self._cosine_distances(x)
        if self.negatives == "batch":
            distances = distances[:, labels]
            others = labels[:, None] != labels[None, :]
        else:
            classes = torch.arange(len(self.centers), device=labels.device)
            others = labels[:, None] != classes[None, :]
        return (distances * others).sum() / others.sum().clamp_min(1)

    def norm_term(self, x: Tensor, labels: Tensor) -> Tensor:
        own_norm = torch.linalg.vector_norm(self.centers[labels], dim=1)
        ratio: Tensor = torch.linalg.vector_norm(x, dim=1) / (own_norm + self.eps)
        squared = (1 - ratio).square()
        return squared.clamp(*RELEASED_CLAMP).mean() if self.mode == "released" else squared.mean()

    def _cosine_distances(self, x: Tensor) -> Tensor:
        cosines: Tensor = direction(x) @ direction(self.centers).T
        return 1 - cosines  # N K

    def _released_inter(self, x: Tensor, labels: Tensor) -> Tensor:
        """Every pair (i, j) of the batch: (D_ij - D_jj)^2 with D the squared cosine distance.

        The released code means D_ij for i != j but subtracts the own distance of sample j from
        every row, and keeps pairs of one class.
        """
        num_samples = len(x)
        if num_samples == 1:
            return x.new_zeros(())
        squared = self._cosine_distances(x)[:, labels].square()
        difference = (squared - squared.diagonal()).square().clamp(*RELEASED_CLAMP)
        return difference.sum() / (num_samples * (num_samples - 1))

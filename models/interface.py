"""What the engine gives to every model builder and what every model returns."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True)
class InputShape:
    """Sizes and skeleton of the clips a model is built for.

    `edges` are (child, parent) pairs, 0-based; `centre` is the joint the skeleton hangs on.
    """

    num_classes: int
    num_channels: int
    num_frames: int
    num_joints: int
    num_persons: int
    edges: tuple[tuple[int, int], ...]
    centre: int


class ModelOutput(NamedTuple):
    """Every head's logits (N, K) are supervised; `scores` (N, K) is what inference uses.

    `embedding` (N, D) feeds the embedding losses; D is the model's `embedding_dim`.
    """

    heads: dict[str, Tensor]
    scores: Tensor
    embedding: Tensor

"""What the engine gives to every model builder and what every model returns.

A model is a module with

    forward(x, present=None) -> ModelOutput    x (N, C, T, V, M); present (N, M), bool
    embedding_dim     D, the width of the embedding
    classifiers       an `nn.ModuleDict`: the classifier of every head, which a loss may replace
    head_weights      what each head's loss counts in training, by the names of the heads

Where `present` is False the person's coordinates are zero in every frame; None means that it is
not known. Only the time axis may have another length than `InputShape` says, and not for a model
that is tied to it, which then raises ValueError.
"""

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

    `embedding` (N, D) feeds the embedding losses. Of a model with one head it is what the
    classifier is given, unless an option says otherwise.
    """

    heads: dict[str, Tensor]
    scores: Tensor
    embedding: Tensor

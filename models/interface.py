"""What the engine gives to every model builder and what every model returns.

Legend: N clips, C channels, T frames, V joints, M persons, K classes, D embedding.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn


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


class SkeletonModel(nn.Module, ABC):
    """What a model builder returns.

    embedding_dim: D
    classifiers: the classifier of every head, which a loss may replace
    head_weights: what each head's loss counts in training
    """

    embedding_dim: int
    classifiers: nn.ModuleDict
    head_weights: dict[str, float]

    @abstractmethod
    def forward(self, x: Tensor, present: Tensor | None = None) -> ModelOutput:
        """x (N, C, T, V, M); present (N, M), bool: where False the person is zero in every frame.

        None means that it is not known. Frames may be more or fewer than `InputShape` says, unless
        the model is tied to their number and raises ValueError.
        """

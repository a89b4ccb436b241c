"""Non-local modules: every position of a map attends to others of its joint, frame or clip.

Legend: B rows (persons of clips), C channels in, C' out, E embedding, T frames, V joints, L
positions of a sequence.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.norms import BodyNorm

Part = Literal["t", "s", "st"]
AttentionScale = Literal["none", "rsqrt"]
NonLocalGate = Literal["conv", "channel", "scalar", "bn"]
KeyValuePool = Literal[1, 2]

_TO_SEQUENCES = {"t": (0, 3, 2, 1), "s": (0, 2, 3, 1), "st": (0, 2, 3, 1)}
_TO_MAP = {"t": (0, 3, 2, 1), "s": (0, 3, 1, 2), "st": (0, 3, 1, 2)}


@dataclass(frozen=True, kw_only=True)
class NonLocalOptions:
    """ratio: E / C_out of the block
    scale: of the products inside the softmax, none or 1 / sqrt(E)
    kv_pool: keys and values from a map max-pooled by this along the module's axes
    gate: what is zero at the start, so that a fresh module adds nothing: W_z itself, or a gain per
        channel, one gain or the weight of a batch norm after it
    """

    ratio: float = 0.5
    scale: AttentionScale = "none"
    kv_pool: KeyValuePool = 1
    gate: NonLocalGate = "conv"

    def __post_init__(self) -> None:
        if not 0 < self.ratio < math.inf:
            raise ValueError(f"non_local_ratio must be positive, got {self.ratio}")


class NonLocal(nn.Module):
    """z_i = W_z sum_j softmax_j(theta(x_i) . phi(x_j)) g(x_j): (B, C, T, V) -> (B, C', T, V).

    The positions j are those of the joint i is of (`t`), of its frame (`s`) or all (`st`). The
    embedded Gaussian of non-local networks (arXiv 1711.07971, eq. 1 and 3) without its identity
    term (arXiv 1811.04237); zero at the start.
    """

    def __init__(
        self,
        part: Part,
        in_channels: int,
        out_channels: int,
        embed_channels: int,
        options: NonLocalOptions,
    ) -> None:
        super().__init__()
        self.part = part
        self.scale = 1.0 if options.scale == "none" else embed_channels**-0.5
        self.pool = _key_value_pool(part, options.kv_pool)
        self.query = nn.Linear(in_channels, embed_channels, bias=False)
        self.key = nn.Linear(in_channels, embed_channels, bias=False)
        self.value = nn.Linear(in_channels, embed_channels, bias=False)
        self.output = nn.Linear(embed_channels, out_channels, bias=False)
        self.gate = _zero_gate(options.gate, self.output)

    def forward(self, x: Tensor) -> Tensor:
        source = self._sequences(x)
        target = source if self.pool is None else self._sequences(self.pool(x))
        # contiguous, as linear maps give them: the CPU's fused kernel takes no other
        attended = functional.scaled_dot_product_attention(
            self.query(source), self.key(target), self.value(target), scale=self.scale
        )
        mapped: Tensor = self.gate(self._map(self.output(attended), x.shape[2:]))
        return mapped

    def _sequences(self, x: Tensor) -> Tensor:
        """(B, V, T, C), (B, T, V, C) or (B, 1, T*V, C).

        The axes beside the positions stand where attention has its heads: a CUDA grid holds no
        more than 65535 of either.
        """
        sequences = x.permute(_TO_SEQUENCES[self.part]).contiguous()
        return sequences.flatten(1, 2).unsqueeze(1) if self.part == "st" else sequences

    def _map(self, sequences: Tensor, size: torch.Size) -> Tensor:
        if self.part == "st":
            sequences = sequences.view(sequences.shape[0], *size, -1)
        return sequences.permute(_TO_MAP[self.part])


class Gain(nn.Module):
    """A factor for every channel of (B, C, T, V), or one for all; zero at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x


def _zero_gate(gate: NonLocalGate, output: nn.Linear) -> nn.Module:
    if gate == "conv":
        nn.init.zeros_(output.weight)
        return nn.Identity()
    if gate == "bn":
        norm = BodyNorm(output.out_features)
        nn.init.zeros_(norm.weight)
        return norm
    return Gain(output.out_features if gate == "channel" else 1)


def _key_value_pool(part: Part, size: int) -> nn.Module | None:
    """Partial windows at the end count, so that no axis is too short."""
    if size == 1:
        return None
    window = (size if "t" in part else 1, size if "s" in part else 1)
    return nn.MaxPool2d(window, ceil_mode=True)

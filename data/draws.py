"""The random draws of an epoch.

All draws are made on the CPU, for every option whether it is in use or not, so that a seed and an
epoch give the same crops and rotations on any device, for any model, stream or batch size. A new
option draws after all others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Draws(NamedTuple):
    """Uniform [0, 1) draws for n clips, float64.

    Crop share and start (n,), angles (n, 3), scale (n,), frames (n, clip_len), shear (n, 6), flip
    and mirror (n,), move (n, 2, 4): angle, scale, x and y at both ends; joints (n, V).
    """

    share: Tensor
    start: Tensor
    angles: Tensor
    scale: Tensor
    frames: Tensor
    shear: Tensor
    flip: Tensor
    mirror: Tensor
    move: Tensor
    joints: Tensor

    def of(self, clips: slice | Tensor) -> Draws:
        return Draws._make(values[clips] for values in self)


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """A CPU generator that depends on both numbers; raises ValueError for negative ones."""
    if seed < 0 or epoch < 0:
        raise ValueError(f"seed and epoch must be >= 0, got {seed} and {epoch}")
    state = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))


def draw(num_clips: int, clip_len: int, num_joints: int, generator: torch.Generator) -> Draws:
    def uniform(*shape: int) -> Tensor:
        return torch.rand((num_clips, *shape), generator=generator, dtype=torch.float64)

    return Draws(
        share=uniform(),
        start=uniform(),
        angles=uniform(3),
        scale=uniform(),
        frames=uniform(clip_len),
        shear=uniform(6),
        flip=uniform(),
        mirror=uniform(),
        move=uniform(2, 4),
        joints=uniform(num_joints),
    )

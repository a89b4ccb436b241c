"""How clips become model inputs: the options, and the random draws of an epoch.

All draws are made on the CPU, for every option whether it is in use or not, so that a seed and an
epoch give the same crops and rotations on any device, for any model, stream or batch size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from data.noise import Granularity, NoiseSplit
from data.streams import Stream

Normalization = Literal["center", "center_frames", "minmax", "none"]


@dataclass(frozen=True, kw_only=True)
class ClipTransform:
    """The `data` options of a trial; raises ValueError for values out of range.

    sampling
        crop_resize: a run of frames, resized linearly to `clip_len` (align_corners=False), the
        NTU RGB+D pipeline of CTR-GCN (Chen et al., ICCV 2021). random_frames: in training a
        sorted sample of `clip_len` frames with replacement, in evaluation evenly spaced frames.
    crop, crop_min_frames
        Share of the clip kept in training, drawn uniformly, but never fewer frames than
        `crop_min_frames` (64 in CTR-GCN) or than the clip has.
    eval_crop
        Share kept in evaluation, in the middle of the clip (0.95 in CTR-GCN).
    rotation_deg
        Largest angle in degrees about x, y and z in training, one draw each per clip: x' = Rz Ry
        Rx x. `scale` multiplies the coordinates in training by one uniform draw per clip.
    normalize
        center: the origin joint of the first person, in the first frame of the whole clip that
        has it, becomes the origin. center_frames: the same joint of the first person becomes the
        origin in every frame, but in frames without it nothing moves (2s-AGCN, MS-G3D, HCN): the
        walk through the room is lost. minmax: center; then, after rotation and scale, each
        coordinate axis is mapped to [-1, 1] over all present joints of the whole clip (CTR-GCN on
        NW-UCLA). An axis without extent becomes 0. Absent (all-zero) joints stay zero under every
        choice.
    noise
        Share of the stored values that is set to zero before anything else is done, the same in
        every epoch and for every model and `seed` (MDR-GCN, table IV). What is lost is decided by
        `noise_seed` and `noise_granularity` (`data.noise.Noise`); it is not absent but wrong:
        centring moves it away from zero. `noise_split` says where values are lost: in the clips
        for training and validation, in those of the test, or in both.
    """

    stream: Stream = "joint"
    clip_len: int = 64
    sampling: Literal["crop_resize", "random_frames"] = "crop_resize"
    crop: tuple[float, float] = (0.5, 1.0)
    crop_min_frames: int = 64
    eval_crop: float = 1.0
    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    normalize: Normalization = "center"
    noise: float = 0.0
    noise_granularity: Granularity = "joint"
    noise_split: NoiseSplit = "both"
    noise_seed: int = 0

    def __post_init__(self) -> None:
        self._check_choices()
        if self.clip_len < 1 or self.crop_min_frames < 1:
            raise ValueError(
                "clip_len and crop_min_frames must be at least 1, "
                f"got {self.clip_len}, {self.crop_min_frames}"
            )
        if len(self.crop) != 2 or not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise ValueError(f"crop must be 0 < low <= high <= 1, got {self.crop}")
        if not 0 < self.eval_crop <= 1:
            raise ValueError(f"eval_crop must be in (0, 1], got {self.eval_crop}")
        if len(self.rotation_deg) != 3 or not all(0 <= a <= 180 for a in self.rotation_deg):
            raise ValueError(f"rotation_deg must be 3 angles in 0..180, got {self.rotation_deg}")
        if len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1] < math.inf:
            raise ValueError(f"scale must be 0 < low <= high, got {self.scale}")
        if not 0 <= self.noise <= 1:
            raise ValueError(f"noise must be a share in 0..1, got {self.noise}")
        if self.noise_seed < 0:
            raise ValueError(f"noise_seed must be at least 0, got {self.noise_seed}")

    def _check_choices(self) -> None:
        choices = {
            "stream": get_args(Stream),
            "sampling": ("crop_resize", "random_frames"),
            "normalize": get_args(Normalization),
            "noise_granularity": get_args(Granularity),
            "noise_split": get_args(NoiseSplit),
        }
        for field, known in choices.items():
            value = getattr(self, field)
            if value not in known:
                raise ValueError(f"{field} must be one of {', '.join(known)}, got {value!r}")


class Draws(NamedTuple):
    """Uniform [0, 1) draws for n clips: crop share and start (n,), angles (n, 3), scale (n,),
    frames (n, clip_len), sorted; float64."""

    share: Tensor
    start: Tensor
    angles: Tensor
    scale: Tensor
    frames: Tensor


class Frames(NamedTuple):
    """Which frames of its clip make each output frame: low + weight * (high - low), (n, clip_len).

    `weight` is None where the output frames are frames of the clip.
    """

    low: Tensor
    high: Tensor
    weight: Tensor | None


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """A CPU generator that depends on both numbers; raises ValueError for negative ones."""
    if seed < 0 or epoch < 0:
        raise ValueError(f"seed and epoch must be >= 0, got {seed} and {epoch}")
    state = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))


def draw(num_clips: int, clip_len: int, generator: torch.Generator) -> Draws:
    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    return Draws(
        share=uniform(num_clips),
        start=uniform(num_clips),
        angles=uniform(num_clips, 3),
        scale=uniform(num_clips),
        frames=uniform(num_clips, clip_len).sort(dim=1).values,
    )


def sample_frames(lengths: Tensor, transform: ClipTransform, draws: Draws | None) -> Frames:
    """Frames of clips with these lengths (n,) int64; `draws` is None in evaluation."""
    if transform.sampling == "random_frames":
        frames = _pick_frames(lengths, transform.clip_len, draws)
        return Frames(frames, frames, None)
    if draws is None:
        cut = ((1 - transform.eval_crop) * lengths.double() / 2).floor().long()
        return _resize(cut, lengths - 2 * cut, transform.clip_len)
    low, high = transform.crop
    kept = ((low + (high - low) * draws.share) * lengths).floor().long()
    kept = torch.minimum(kept.clamp(min=transform.crop_min_frames), lengths)
    start = (draws.start * (lengths - kept + 1)).floor().long()
    return _resize(start, kept, transform.clip_len)


def linear_maps(
    num_clips: int, num_channels: int, transform: ClipTransform, draws: Draws | None
) -> Tensor:
    """Rotation times scale of every clip, (n, C, C) float32; the identity in evaluation."""
    if draws is None:
        return torch.eye(num_channels).repeat(num_clips, 1, 1)
    low, high = transform.scale
    scale = (low + (high - low) * draws.scale)[:, None, None]
    if not any(transform.rotation_deg):
        return (scale * torch.eye(num_channels)).float()
    largest = torch.tensor(transform.rotation_deg, dtype=torch.float64).deg2rad()
    return (scale * rotation_matrices((2 * draws.angles - 1) * largest)).float()


def rotation_matrices(angles: Tensor) -> Tensor:
    """Rz Ry Rx of angles (n, 3) in radians about x, y, z, with the signs of CTR-GCN: (n, 3, 3)."""
    cos, sin = angles.cos().unbind(1), angles.sin().unbind(1)
    one, zero = torch.ones_like(cos[0]), torch.zeros_like(cos[0])

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, dim=1).view(-1, 3, 3)

    about_x = matrix(one, zero, zero, zero, cos[0], sin[0], zero, -sin[0], cos[0])
    about_y = matrix(cos[1], zero, -sin[1], zero, one, zero, sin[1], zero, cos[1])
    about_z = matrix(cos[2], sin[2], zero, -sin[2], cos[2], zero, zero, zero, one)
    return about_z @ about_y @ about_x


def _pick_frames(lengths: Tensor, clip_len: int, draws: Draws | None) -> Tensor:
    if draws is not None:
        frames = (draws.frames * lengths[:, None]).floor().long()
        return torch.minimum(frames, lengths[:, None] - 1)
    steps = torch.arange(clip_len)
    return steps * (lengths[:, None] - 1) // max(clip_len - 1, 1)


def _resize(start: Tensor, kept: Tensor, clip_len: int) -> Frames:
    centres = (torch.arange(clip_len, dtype=torch.float64) + 0.5) / clip_len
    last = (kept - 1)[:, None]
    place = torch.minimum((centres * kept[:, None] - 0.5).clamp(min=0), last.double())
    low = place.floor().long()
    high = torch.minimum(low + 1, last)
    return Frames(start[:, None] + low, start[:, None] + high, (place - low).float())

"""How clips become model inputs: the options."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from data.dataset import DatasetInfo
from data.noise import Granularity, NoiseSplit
from data.streams import ScoreOfDifferences, Stream

Sampling = Literal["crop_resize", "random_frames", "uniform", "window", "repeat_pad"]
Normalization = Literal["center", "center_frames", "minmax", "none"]


@dataclass(frozen=True, kw_only=True)
class ClipTransform:
    """The `data` options of a trial; raises ValueError for values out of range.

    stream
        joint, bone, joint_motion or bone_motion (`data.streams`). A bone goes from a joint's
        `bone_hops`-th ancestor to the joint, from the root where it has fewer (InfoGCN's k).
        `score_of_differences` says what a bone or a motion has for a confidence: the mean of its
        two ends' (PoseConv3D) or their difference (2s-AGCN and MS-G3D on Kinetics).
    sampling
        crop_resize: a run of frames, resized linearly to `clip_len` (align_corners=False), the
        NTU RGB+D pipeline of CTR-GCN (Chen et al., ICCV 2021). random_frames: in training a
        sorted sample of `clip_len` frames with replacement, in evaluation evenly spaced frames.
        uniform: one frame of each of `clip_len` equal segments, in training a random one, in
        evaluation the middle (PoseConv3D). window: a shorter clip among padding frames, in training
        at a random place, in evaluation at the start; of a longer one every so manieth frame
        (MDR-GCN). repeat_pad: the clip over and over, each body with its own period, up to
        `clip_len` frames (2s-AGCN, MS-G3D).
    crop, crop_min_frames
        Share of the clip kept in training, drawn uniformly, but never fewer frames than
        `crop_min_frames` (64 in CTR-GCN) or than the clip has.
    eval_crop
        Share kept in evaluation, in the middle of the clip (0.95 in CTR-GCN).
    rotation_deg
        Largest angle in degrees about x, y and z in training, one draw each per clip: x' = Rz Ry
        Rx x. `scale` multiplies the coordinates in training by one uniform draw per clip. Data of
        two coordinates turn about z alone.
    normalize
        center: the origin joint of the first person, in the first frame of the whole clip that
        has it, becomes the origin. center_frames: the same joint of the first person becomes the
        origin in every frame, but in frames without it nothing moves (2s-AGCN, MS-G3D, HCN): the
        walk through the room is lost. minmax: center; then, after rotation and scale, each
        coordinate axis is mapped to [-1, 1] over all present joints of the whole clip (CTR-GCN on
        NW-UCLA). An axis without extent becomes 0. Absent (all-zero) joints and padding frames stay
        zero under every choice; a confidence is no coordinate and stays as it is.
    noise
        Share of the stored values that is set to zero before anything else is done, the same in
        every epoch and for every model and `seed` (MDR-GCN, table IV). What is lost is decided by
        `noise_seed` and `noise_granularity` (`data.noise.Noise`); it is not absent but wrong:
        centring moves it away from zero. `noise_split` says where values are lost: in the clips
        for training and validation, in those of the test, or in both.
    shear
        In training the entries beside the diagonal of a shear, uniform in +-`shear`.
    mirror, temporal_flip, joint_drop
        Probabilities in training: that left and right change places (x -> -x), that the output
        frames run backwards, and, for every joint, that it is absent throughout the clip.
    random_move
        In training x and y turn, grow and shift evenly between two random ends (ST-GCN, Yan et
        al., AAAI 2018). Under center_frames they do not shift, for centring takes that away.
    """

    stream: Stream = "joint"
    clip_len: int = 64
    sampling: Sampling = "crop_resize"
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
    bone_hops: int = 1
    score_of_differences: ScoreOfDifferences = "mean"
    shear: float = 0.0
    mirror: float = 0.0
    temporal_flip: float = 0.0
    joint_drop: float = 0.0
    random_move: bool = False

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_shares()
        if self.clip_len < 1 or self.crop_min_frames < 1:
            raise ValueError(
                "clip_len and crop_min_frames must be at least 1, "
                f"got {self.clip_len}, {self.crop_min_frames}"
            )
        if self.bone_hops < 1 or self.noise_seed < 0:
            raise ValueError(
                "bone_hops must be at least 1 and noise_seed must be at least 0, "
                f"got {self.bone_hops}, {self.noise_seed}"
            )
        if len(self.rotation_deg) != 3 or not all(0 <= a <= 180 for a in self.rotation_deg):
            raise ValueError(f"rotation_deg must be 3 angles in 0..180, got {self.rotation_deg}")
        if len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1] < math.inf:
            raise ValueError(f"scale must be 0 < low <= high, got {self.scale}")
        if not 0 <= self.shear < math.inf:
            raise ValueError(f"shear must be at least 0, got {self.shear}")

    def _check_choices(self) -> None:
        choices = {
            "stream": get_args(Stream),
            "score_of_differences": get_args(ScoreOfDifferences),
            "sampling": get_args(Sampling),
            "normalize": get_args(Normalization),
            "noise_granularity": get_args(Granularity),
            "noise_split": get_args(NoiseSplit),
        }
        for field, known in choices.items():
            value = getattr(self, field)
            if value not in known:
                raise ValueError(f"{field} must be one of {', '.join(known)}, got {value!r}")

    def _check_shares(self) -> None:
        if len(self.crop) != 2 or not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise ValueError(f"crop must be 0 < low <= high <= 1, got {self.crop}")
        if not 0 < self.eval_crop <= 1:
            raise ValueError(f"eval_crop must be in (0, 1], got {self.eval_crop}")
        for field in ("noise", "mirror", "temporal_flip", "joint_drop"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{field} must be in 0..1, got {getattr(self, field)}")

    def check_against(self, info: DatasetInfo) -> None:
        """Raise ValueError if the data set does not have what the options need."""
        coordinates = num_coordinates(info)
        if any(self.rotation_deg[:2]) and coordinates != 3:
            raise ValueError(
                f"{info.name}: rotation_deg about x and y must be 0 for {coordinates} coordinates, "
                f"got {self.rotation_deg}"
            )
        if self.mirror and not info.mirrored:
            raise ValueError(
                f"{info.name} names no left and right joints: mirror must be 0, got {self.mirror}"
            )


def num_coordinates(info: DatasetInfo) -> int:
    return info.num_channels - info.has_score

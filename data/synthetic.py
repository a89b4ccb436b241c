"""A synthetic data set of the NTU RGB+D skeleton, made without raw files.

Classes differ by limb, frequency, amplitude and phase of a movement; subjects by the lengths of
their bones, their speed and their range; clips by yaw, place, timing, fidgeting, noise of the
joints and dropped (all-zero) joints. Speeds of subjects overlap between classes that differ by
frequency only, so that no model is right everywhere.

Protocol `xsub`: even subjects test, odd ones train, and the last odd subject is val.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.dataset import Clip, ClipTable, DatasetInfo, DatasetSource, FloatArray, RawClip
from data.skeletons import NTU_25

Angles = NDArray[np.float64]


class Swing(NamedTuple):
    """A joint's rotation (radians) about one axis: amplitude * (1 - cos(2 pi cycles t + phase)) / 2
    over the clip, t in [0, 1]; a static pose for zero cycles and phase pi."""

    joint: int
    axis: Literal["x", "z"]
    amplitude: float
    cycles: float
    phase: float = 0.0


# Rest pose: (joint, joint it hangs from, offset in metres), x to the subject's left, y up,
# z forward; every joint stands after the one it hangs from.
# fmt: off
REST_POSE: tuple[tuple[int, int, tuple[float, float, float]], ...] = (
    (1, 0, (0.0, 0.30, 0.0)), (20, 1, (0.0, 0.22, 0.0)),
    (2, 20, (0.0, 0.07, 0.0)), (3, 2, (0.0, 0.13, 0.0)),
    (4, 20, (0.18, -0.02, 0.0)), (5, 4, (0.0, -0.28, 0.0)), (6, 5, (0.0, -0.25, 0.0)),
    (7, 6, (0.0, -0.08, 0.0)), (21, 7, (0.0, -0.08, 0.0)), (22, 7, (-0.04, -0.03, 0.03)),
    (8, 20, (-0.18, -0.02, 0.0)), (9, 8, (0.0, -0.28, 0.0)), (10, 9, (0.0, -0.25, 0.0)),
    (11, 10, (0.0, -0.08, 0.0)), (23, 11, (0.0, -0.08, 0.0)), (24, 11, (0.04, -0.03, 0.03)),
    (12, 0, (0.09, -0.04, 0.0)), (13, 12, (0.0, -0.42, 0.0)), (14, 13, (0.0, -0.40, 0.0)),
    (15, 14, (0.0, -0.06, 0.14)),
    (16, 0, (-0.09, -0.04, 0.0)), (17, 16, (0.0, -0.42, 0.0)), (18, 17, (0.0, -0.40, 0.0)),
    (19, 18, (0.0, -0.06, 0.14)),
)
# fmt: on

NUM_JOINTS = NTU_25.num_joints
SPINE, ELBOW_L, SHOULDER_L, ELBOW_R, SHOULDER_R = 1, 5, 4, 9, 8
HIP_L, KNEE_L, HIP_R, KNEE_R = 12, 13, 16, 17

MOVEMENTS: dict[str, tuple[Swing, ...]] = {
    "raise right arm": (Swing(SHOULDER_R, "x", -1.9, 1.0),),
    "pump right arm": (Swing(SHOULDER_R, "x", -1.4, 2.2),),
    "wave right hand": (
        Swing(SHOULDER_R, "z", -1.7, 0.0, np.pi),
        Swing(ELBOW_R, "z", -1.1, 2.5),
    ),
    "raise left arm": (Swing(SHOULDER_L, "x", -1.9, 1.0),),
    "raise left arm sideways": (Swing(SHOULDER_L, "z", 1.9, 1.0),),
    "kick with right leg": (Swing(HIP_R, "x", -1.1, 1.0), Swing(KNEE_R, "x", 0.3, 1.0)),
    "swing right leg": (Swing(HIP_R, "x", -0.8, 2.2), Swing(KNEE_R, "x", 0.5, 2.2)),
    "march": (
        Swing(HIP_R, "x", -0.9, 1.5),
        Swing(KNEE_R, "x", 0.7, 1.5),
        Swing(HIP_L, "x", -0.9, 1.5, np.pi),
        Swing(KNEE_L, "x", 0.7, 1.5, np.pi),
    ),
    "jog": (
        Swing(HIP_R, "x", -0.9, 2.6),
        Swing(KNEE_R, "x", 0.9, 2.6),
        Swing(HIP_L, "x", -0.9, 2.6, np.pi),
        Swing(KNEE_L, "x", 0.9, 2.6, np.pi),
    ),
    "bow": (Swing(SPINE, "x", 0.9, 1.0),),
    "nod twice": (Swing(SPINE, "x", 0.6, 2.0),),
    "wave left hand": (
        Swing(SHOULDER_L, "z", 1.7, 0.0, np.pi),
        Swing(ELBOW_L, "z", 1.1, 2.5),
    ),
}


class Subject(NamedTuple):
    """`bones` scales the rest pose's offsets (24,); `speed` and `reach` scale the swings."""

    bones: NDArray[np.float64]
    speed: float
    reach: float


def scan_synthetic(
    raw: Path | None = None,
    *,
    num_classes: int = 8,
    num_subjects: int = 10,
    num_takes: int = 6,
    num_frames: int = 40,
    joint_noise: float = 0.02,
    dropped: float = 0.01,
    seed: int = 0,
) -> list[RawClip]:
    """Clips ordered by subject, class and take; a clip depends only on these, its noise and seed.

    `num_frames` is the mean length, `joint_noise` metres, `dropped` the share of joints lost.
    Raises ValueError for numbers out of range.
    """
    _check_options(num_classes, num_subjects, num_takes, num_frames, joint_noise, dropped, seed)
    load = partial(
        draw_clip, num_frames=num_frames, joint_noise=joint_noise, dropped=dropped, seed=seed
    )
    subjects, takes = range(1, num_subjects + 1), range(1, num_takes + 1)
    return [
        RawClip(_name(*key), partial(load, *key))
        for key in product(subjects, range(num_classes), takes)
    ]


def draw_clip(
    subject: int,
    label: int,
    take: int,
    *,
    num_frames: int,
    joint_noise: float,
    dropped: float,
    seed: int,
) -> Clip:
    body = _draw_subject(np.random.default_rng((seed, subject)))
    rng = np.random.default_rng((seed, subject, label, take))
    skeleton = _draw_skeleton(rng, body, label, num_frames, joint_noise, dropped)
    return Clip(_name(subject, label, take), skeleton, label, subject, camera=1)


def _name(subject: int, label: int, take: int) -> str:
    return f"c{label + 1:02d}_s{subject:02d}_t{take:02d}"


def describe_synthetic(*, num_classes: int = 8, **options: object) -> DatasetInfo:
    """The description for these options of `scan_synthetic`; only `num_classes` changes it."""
    return DatasetInfo(
        name="synthetic",
        classes=tuple(MOVEMENTS)[:num_classes],
        num_channels=3,
        num_persons=1,
        protocols=("xsub",),
        **NTU_25._asdict(),
    )


def split_xsub(clips: ClipTable) -> NDArray[np.str_]:
    odd = clips.subjects % 2 == 1
    train_part = np.where(clips.subjects == clips.subjects[odd].max(), "val", "train")
    return np.where(odd, train_part, "test")


def _check_options(
    num_classes: int,
    num_subjects: int,
    num_takes: int,
    num_frames: int,
    joint_noise: float,
    dropped: float,
    seed: int,
) -> None:
    if not 2 <= num_classes <= len(MOVEMENTS):
        raise ValueError(f"num_classes must be in 2..{len(MOVEMENTS)}, got {num_classes}")
    if num_subjects < 3:
        raise ValueError(f"num_subjects must be at least 3, one a split, got {num_subjects}")
    if num_takes < 1 or num_frames < 2:
        raise ValueError(
            f"num_takes must be at least 1 and num_frames at least 2, got {num_takes}, {num_frames}"
        )
    if joint_noise < 0 or not 0 <= dropped < 1:
        raise ValueError(
            f"joint_noise must be >= 0 and dropped in [0, 1), got {joint_noise}, {dropped}"
        )
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")


def _draw_subject(rng: np.random.Generator) -> Subject:
    height = rng.uniform(0.88, 1.1)
    bones = height * rng.uniform(0.95, 1.05, size=len(REST_POSE))
    return Subject(bones, speed=rng.uniform(0.85, 1.15), reach=rng.uniform(0.75, 1.15))


def _draw_skeleton(
    rng: np.random.Generator,
    body: Subject,
    label: int,
    num_frames: int,
    joint_noise: float,
    dropped: float,
) -> FloatArray:
    length = round(num_frames * rng.uniform(0.75, 1.25))
    swings = tuple(MOVEMENTS.values())[label]
    joints = _pose(_draw_angles(rng, body, swings, max(length, 1)), body)
    joints = joints @ _rotation("y", rng.uniform(-0.6, 0.6)).T
    joints += rng.normal((0.0, 0.0, 3.0), (0.3, 0.1, 0.3))
    joints += rng.normal(0.0, joint_noise, size=joints.shape)
    joints[rng.random(joints.shape[:2]) < dropped] = 0.0
    return joints[:, None].astype(np.float32)


def _draw_angles(
    rng: np.random.Generator, body: Subject, swings: tuple[Swing, ...], length: int
) -> Angles:
    """(T, V, 2): every joint's rotation about x and z, the class's swings over slow fidgeting."""
    time = np.linspace(0.0, 1.0, length)
    fidget_phase = rng.uniform(0, 2 * np.pi, size=(1, NUM_JOINTS, 2))
    fidget_cycles = rng.uniform(0.3, 1.6, size=(1, NUM_JOINTS, 2))
    fidget_size = rng.exponential(0.04, size=(1, NUM_JOINTS, 2))
    fidget_turn = 2 * np.pi * fidget_cycles * time[:, None, None] + fidget_phase
    angles: Angles = fidget_size * np.sin(fidget_turn)
    speed = body.speed * rng.uniform(0.85, 1.15)
    reach = body.reach * rng.uniform(0.8, 1.2)
    lag = rng.uniform(-0.6, 0.6)
    for swing in swings:
        turn = 2 * np.pi * swing.cycles * speed * time + swing.phase + lag
        curve = reach * swing.amplitude * (1 - np.cos(turn)) / 2
        angles[:, swing.joint, "xz".index(swing.axis)] += curve
    return angles


def _pose(angles: Angles, body: Subject) -> NDArray[np.float64]:
    """Forward kinematics: (T, V, 2) angles to joint positions (T, V, 3), joint 0 the origin."""
    length = len(angles)
    positions = np.zeros((length, NUM_JOINTS, 3))
    rotations = np.zeros((length, NUM_JOINTS, 3, 3))
    local = _rotation("z", angles[..., 1]) @ _rotation("x", angles[..., 0])
    rotations[:, 0] = local[:, 0]
    for bone, (joint, parent, offset) in enumerate(REST_POSE):
        reach = rotations[:, parent] @ (np.asarray(offset) * body.bones[bone])
        positions[:, joint] = positions[:, parent] + reach
        rotations[:, joint] = rotations[:, parent] @ local[:, joint]
    return positions


def _rotation(axis: Literal["x", "y", "z"], angle: Angles | float) -> NDArray[np.float64]:
    """Rotation matrices (..., 3, 3) about one axis."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.zeros((*np.shape(angle), 3, 3))
    matrix[..., range(3), range(3)] = 1.0
    matrix[..., first, first] = matrix[..., second, second] = np.cos(angle)
    matrix[..., second, first] = np.sin(angle)
    matrix[..., first, second] = -np.sin(angle)
    return matrix


SYNTHETIC = DatasetSource(
    info=describe_synthetic(),
    scan=scan_synthetic,
    splits={"xsub": split_xsub},
    needs_raw=False,
    info_with=describe_synthetic,
)

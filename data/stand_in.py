"""A store of made-up clips, to plan with where a data set is not prepared."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data.dataset import SPLITS, DatasetInfo, FloatArray
from data.store import ArrayStore

_NUM_FRAMES = 40


def stand_in(info: DatasetInfo) -> ArrayStore:
    """In memory: one clip of each class in every split, of joints that move at random.

    It has the shapes of the data set and no digest: nothing that is trained may depend on it.
    """
    num_classes, num_clips = len(info.classes), len(SPLITS) * len(info.classes)
    codes = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), num_classes)
    numbers = np.arange(num_clips)
    return ArrayStore(
        folder=Path("made up") / info.name,
        info=info,
        manifest={"dtype": "float32"},
        digest="",
        names=np.array([f"made-up clip {number}" for number in numbers]),
        labels=numbers % num_classes,
        subjects=numbers % 10,
        cameras=np.zeros(num_clips, dtype=np.int64),
        offsets=np.arange(num_clips + 1) * _NUM_FRAMES,
        frames=_frames(info, num_clips),
        split_codes=dict.fromkeys(info.protocols, codes),
    )


def _frames(info: DatasetInfo, num_clips: int) -> FloatArray:
    """(F, M, V, C); in every other clip only the first person is there."""
    rng = np.random.default_rng(0)
    shape = (num_clips, _NUM_FRAMES, info.num_persons, info.num_joints, info.num_channels)
    frames = rng.uniform(0.1, 1.0, shape).astype(np.float32)
    frames[::2, :, 1:] = 0
    return frames.reshape(-1, *shape[2:])

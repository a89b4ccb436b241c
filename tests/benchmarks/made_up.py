"""Clips of the size of NTU RGB+D's, drawn by chance."""

from functools import partial

import numpy as np

from data.dataset import Clip, DatasetSource, RawClip
from data.ntu_rgbd import NTU60
from tests.data.skeleton_files import clip_name

NUM_SUBJECTS = 40
PERIOD = 60


def made_up_ntu60(num_clips: int) -> DatasetSource:
    """Lengths of 30 to 300 frames, median 80; actions from 50 on have two persons."""

    def scan(raw: None) -> list[RawClip]:
        return [
            RawClip(clip_name(number), partial(draw_clip, number)) for number in range(num_clips)
        ]

    return DatasetSource(info=NTU60.info, scan=scan, splits=NTU60.splits, needs_raw=False)


def draw_clip(number: int) -> Clip:
    rng = np.random.default_rng(number)
    label = number % PERIOD
    length = int(np.clip(rng.lognormal(np.log(80), 0.4), 30, 300))
    pose = rng.normal(size=(2, 25, 3)) * 0.4 + (0, 0, 3)
    phase = np.linspace(0, 6, length)[:, None, None, None]
    skeleton = (pose + 0.2 * np.sin(phase + 3 * pose)).astype(np.float32)
    if label < 49:
        skeleton[:, 1] = 0
    subject = 1 + number // (2 * PERIOD) % NUM_SUBJECTS
    camera = 1 + number // (2 * PERIOD * NUM_SUBJECTS) % 3
    return Clip(clip_name(number), skeleton, label, subject, camera)

"""Files of NW-UCLA written by formula: a few frames of every class and camera."""

import itertools
import json
from pathlib import Path

import numpy as np

from data.nw_ucla import ACTIONS

SUBJECTS = (2, 3, 9, 10)
"""Two to train on and two for val, cross-view."""
CAMERAS = (1, 2, 3)
NUM_FRAMES = 20


def write_nw_ucla_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    labels = range(1, len(ACTIONS) + 1)
    for label, subject, camera in itertools.product(labels, SUBJECTS, CAMERAS):
        name = f"a{ACTIONS[label - 1]:02d}_s{subject:02d}_e00_v{camera:02d}"
        joints = _moving_body(label, subject, camera).round(4).tolist()
        content = {"file_name": name, "skeletons": joints, "label": label}
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def _moving_body(label: int, subject: int, camera: int) -> np.ndarray:
    """Joints (T, 20, 3); how fast they swing tells the class."""
    frames = np.arange(NUM_FRAMES)[:, None, None]
    joints = np.arange(20)[None, :, None]
    axes = np.arange(3)[None, None, :]
    return np.sin(0.1 * label * frames + 0.3 * joints + axes + 0.2 * subject + camera)

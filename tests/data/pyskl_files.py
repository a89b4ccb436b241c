"""Annotation files of pyskl, written by formula."""

import pickle
from pathlib import Path

import numpy as np

HEIGHT, WIDTH = 720, 1280


def make_annotation(
    name: str,
    label: int = 0,
    *,
    persons: int = 1,
    frames: int = 3,
    joints: int = 17,
    **changes: object,
) -> dict[str, object]:
    """2-D keypoints all over the image; a later person has higher scores."""
    rng = np.random.default_rng((persons, frames, len(name)))
    size = np.array([WIDTH, HEIGHT])
    shape = (persons, frames, joints)
    return {
        "frame_dir": name,
        "label": label,
        "img_shape": (HEIGHT, WIDTH),
        "original_shape": (HEIGHT, WIDTH),
        "total_frames": frames,
        "keypoint": (rng.uniform(size=(*shape, 2)) * size).astype(np.float16),
        "keypoint_score": (
            rng.uniform(0.1, 0.2, size=shape) + 0.2 * np.arange(persons)[:, None, None]
        ).astype(np.float16),
    } | changes


def make_file(*annotations: dict[str, object], **split: list[str]) -> dict[str, object]:
    return {"split": split, "annotations": list(annotations)}


def write_file(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))
    return path

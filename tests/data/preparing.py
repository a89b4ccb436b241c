"""Datasets whose reading can be watched, slowed down and made to fail."""

import time
from functools import partial
from pathlib import Path

import numpy as np

from data.dataset import Clip, DatasetSource, RawClip
from tests.data.stores import CHAIN, make_clip, split_chain


def write_clips(raw: Path, num_clips: int) -> Path:
    """A folder of clips NNN.npy (T, 3, 3), the lengths 1 to 7 in turn."""
    raw.mkdir(exist_ok=True)
    for number in range(num_clips):
        np.save(raw / f"{number:03d}.npy", make_clip(1 + number % 7, number).skeleton[:, 0])
    return raw


def scan_folder(raw: Path, *, seconds: float = 0.0, scale: float = 1.0) -> list[RawClip]:
    return [
        RawClip(path.stem, partial(load_file, path, seconds, scale))
        for path in sorted(raw.glob("*.npy"))
    ]


def load_file(path: Path, seconds: float, scale: float) -> Clip:
    """A file that says `broken` is damaged; reading leaves a mark in a file beside the folder."""
    time.sleep(seconds)
    with path.parent.with_name("read.txt").open("a") as log:
        log.write(f"{path.stem}\n")
    if path.read_bytes().startswith(b"broken"):
        raise ValueError(f"{path}: not an array")
    joints = np.load(path)
    skeleton = np.zeros((len(joints), 2, 3, 3), dtype=np.float32)
    skeleton[:, 0] = scale * joints
    return Clip(path.stem, skeleton, int(path.stem) % 2, int(path.stem))


def names_read(raw: Path) -> list[str]:
    """Which clips have been read so far, in this and other processes."""
    return raw.with_name("read.txt").read_text().split()


FOLDER = DatasetSource(CHAIN, scan=scan_folder, splits={"xsub": split_chain})

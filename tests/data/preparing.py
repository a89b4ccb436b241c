"""A dataset whose reading can be watched, held up and made to fail."""

import time
from functools import partial
from pathlib import Path

import numpy as np

from data.dataset import Clip, DatasetSource, RawClip
from data.store import ArrayStore
from tests.data.stores import CHAIN, make_clip, split_chain

HELD_FROM = 24
NUM_CLIPS, PART = 40, 4


def write_clips(raw: Path, num_clips: int) -> Path:
    """A folder of clips NNN.npy (T, 3, 3), the lengths 1 to 7 in turn."""
    raw.mkdir(exist_ok=True)
    for number in range(num_clips):
        np.save(raw / f"{number:03d}.npy", make_clip(1 + number % 7, number).skeleton[:, 0])
    return raw


def scan_folder(raw: Path, *, scale: float = 1.0) -> list[RawClip]:
    paths = sorted(raw.glob("*.npy"))
    return [RawClip(path.stem, partial(load_file, path, scale)) for path in paths]


def load_file(path: Path, scale: float) -> Clip:
    """A file that says `broken` is damaged; reading leaves a mark in a file beside the folder."""
    while int(path.stem) >= HELD_FROM and hold(path.parent).exists():
        time.sleep(0.005)
    with path.parent.with_name("read.txt").open("a") as log:
        log.write(f"{path.stem}\n")
    if path.read_bytes().startswith(b"broken"):
        raise ValueError(f"{path}: not an array")
    joints = np.load(path)
    skeleton = np.zeros((len(joints), 2, 3, 3), dtype=np.float32)
    skeleton[:, 0] = scale * joints
    return Clip(path.stem, skeleton, int(path.stem) % 2, int(path.stem))


def hold(raw: Path) -> Path:
    """While this file is there, the clips from number `HELD_FROM` on are not read."""
    return raw.with_name("hold")


def names_read(raw: Path) -> list[str]:
    """Which clips have been read so far, in this and other processes."""
    return raw.with_name("read.txt").read_text().split()


FOLDER = DatasetSource(CHAIN, scan=scan_folder, splits={"xsub": split_chain})


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def bytes_of(store: ArrayStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder.iterdir()}

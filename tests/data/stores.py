"""Small stores of hand-made clips."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from data.dataset import Clip, ClipTable, DatasetInfo, DatasetSource, RawClip
from data.preparation import prepare
from data.store import ArrayStore

CHAIN = DatasetInfo(
    name="nw_ucla",
    classes=("left", "right"),
    num_channels=3,
    num_joints=3,
    num_persons=2,
    edges=((0, 1), (2, 1)),
    centre=1,
    protocols=("xsub",),
    origin_joint=1,
)


def split_chain(clips: ClipTable) -> np.ndarray:
    return np.array(["train", "val", "test"])[clips.subjects % 3]


def load_all(clips: Iterable[RawClip]) -> list[Clip]:
    return [clip.load() for clip in clips]


def clip_table(
    subjects: Sequence[int],
    *,
    cameras: Sequence[int] | None = None,
    labels: Sequence[int] | None = None,
    setups: Sequence[int] | None = None,
    parts: Sequence[str] | None = None,
) -> ClipTable:
    """What a split rule sees of clips of these subjects; what is not given is 0 or empty."""
    none = np.zeros(len(subjects), dtype=np.int64)
    return ClipTable(
        names=np.array([f"clip{number:02d}" for number in range(len(subjects))]),
        labels=none if labels is None else np.array(labels),
        subjects=np.array(subjects),
        cameras=none if cameras is None else np.array(cameras),
        setups=none if setups is None else np.array(setups),
        parts=np.array([""] * len(subjects) if parts is None else parts),
    )


def make_clip(length: int, number: int = 0, **changes: object) -> Clip:
    """A clip of the chain: the second person is absent, joint 0 is dropped in the last frame."""
    rng = np.random.default_rng((length, number))
    skeleton = np.zeros((length, 2, 3, 3), dtype=np.float32)
    skeleton[:, 0] = rng.normal(size=(length, 3, 3)) + 2.0
    skeleton[-1:, 0, 0] = 0.0
    clip = Clip(f"clip{number:02d}", skeleton, number % 2, number, camera=1)
    return clip._replace(**changes)


def make_pair_clip(length: int, number: int, persons: tuple[int, ...]) -> Clip:
    """A clip of the chain with these persons; the second is there in the first frame alone."""
    clip = make_clip(length, number)
    clip.skeleton[0, 1] = clip.skeleton[0, 0, ::-1]
    for absent in {0, 1} - set(persons):
        clip.skeleton[:, absent] = 0.0
    return clip


def source_of(clips: Sequence[Clip], info: DatasetInfo = CHAIN) -> DatasetSource:
    """A dataset of hand-made clips."""
    listed = [RawClip(clip.name, partial(_give, clip)) for clip in clips]
    return DatasetSource(
        info, scan=lambda raw: listed, splits={"xsub": split_chain}, needs_raw=False
    )


def make_store(root: Path, clips: list[Clip], info: DatasetInfo = CHAIN) -> ArrayStore:
    assert not (root / info.name).exists()
    return prepare(source_of(clips, info), None, root)


def _give(clip: Clip) -> Clip:
    return clip

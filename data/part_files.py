"""Clips read in groups, by several processes, each group into a part of two files.

NNNNN.frames  the frames of the group's clips, one after the other, as the store has them
NNNNN.json    their names, labels and lengths, and the clips left out; written last: with it the
              part is whole, whatever happens to the process
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from data.dataset import Clip, DatasetInfo, LeftOut, RawClip, check_clip
from data.store_files import FRAME_TYPES, ClipColumns, FrameType, flush_to_disk

CLIPS_A_PART = 64
COPY_BYTES = 2**20

OnError = Literal["stop", "skip"]
Progress = Callable[[int, int], None]
"""Called with the number of clips read so far, those of an earlier run at first, and of all."""


@dataclass(frozen=True)
class Part:
    """One group of clips and its two files."""

    folder: Path
    number: int
    clips: Sequence[RawClip]

    @property
    def frames(self) -> Path:
        return self.folder / f"{self.number:05d}.frames"

    @property
    def record(self) -> Path:
        return self.folder / f"{self.number:05d}.json"

    def columns(self) -> ClipColumns:
        return ClipColumns(**json.loads(self.record.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class PartReader:
    """Reads one part; the same clips give the same bytes in any process."""

    info: DatasetInfo
    dtype: FrameType
    on_error: OnError

    def __post_init__(self) -> None:
        if self.on_error not in get_args(OnError) or self.dtype not in FRAME_TYPES:
            raise ValueError(
                f"on_error must be one of {', '.join(get_args(OnError))} and dtype one of "
                f"{', '.join(FRAME_TYPES)}, got {self.on_error!r} and {self.dtype!r}"
            )

    def __call__(self, part: Part) -> int:
        """Write the files of the part; returns the number of its clips.

        Raises ValueError for a clip that cannot be read or does not fit the dataset, unless such
        clips are skipped, and for coordinates too large for the type of the frames.
        """
        columns = ClipColumns()
        with _written_beside(part.frames) as stream:
            for raw in part.clips:
                clip = self._load(raw, columns)
                if clip is not None:
                    stream.write(self._frames(clip).tobytes())
                    columns.append(clip)
        with _written_beside(part.record) as stream:
            stream.write(json.dumps(asdict(columns)).encode())
        flush_to_disk(part.folder)
        return len(part.clips)

    def has_read(self, part: Part) -> bool:
        """Whether the part is there; one without its damaged clips is not, where they stop us."""
        if not part.record.exists():
            return False
        return self.on_error == "skip" or part.columns().num_refused == 0

    def _load(self, raw: RawClip, columns: ClipColumns) -> Clip | None:
        """The clip, or None if it is left out, which `columns` then tell."""
        try:
            clip = raw.load()
            if clip.name != raw.name:
                raise ValueError(f"the clip listed as {raw.name} must have this name: {clip.name}")
            check_clip(clip, self.info)
        except LeftOut as reason:
            columns.skip(raw.name, str(reason))
            return None
        except ValueError as error:
            if self.on_error == "stop":
                raise ValueError(f"{error} (leave out such clips: --on-error skip)") from error
            columns.skip(raw.name, str(error))
            columns.num_refused += 1
            return None
        if clip.skeleton.any():
            return clip
        columns.skip(raw.name, "no body in any frame" if len(clip.skeleton) else "no frames")
        return None

    def _frames(self, clip: Clip) -> NDArray[Any]:
        frame_type = FRAME_TYPES[self.dtype]
        with np.errstate(over="ignore"):
            frames = clip.skeleton.astype(frame_type)
        if not np.isfinite(frames).all():
            raise ValueError(
                f"{self.info.name}, clip {clip.name}: coordinates must be within "
                f"{np.finfo(frame_type).max} for {self.dtype}, got {np.abs(clip.skeleton).max()}"
            )
        return frames


def group_clips(clips: Sequence[RawClip], folder: Path) -> list[Part]:
    starts = range(0, len(clips), CLIPS_A_PART)
    groups = [clips[start : start + CLIPS_A_PART] for start in starts]
    return [Part(folder, number, group) for number, group in enumerate(groups)]


def read_parts(
    parts: Sequence[Part], reader: PartReader, workers: int, lock: int, progress: Progress
) -> None:
    """Read the parts that are not there yet, by this process or by several.

    Of several clips in error the first is told, however many processes there are. `lock` is the
    descriptor that these processes are not to keep.
    """
    missing = [part for part in parts if not reader.has_read(part)]
    num_clips = sum(len(part.clips) for part in parts)
    num_read = num_clips - sum(len(part.clips) for part in missing)
    progress(num_read, num_clips)
    for num_more in _each(reader, missing, min(workers, len(missing)), lock):
        num_read += num_more
        progress(num_read, num_clips)


def join_parts(parts: Iterable[Part], frames: Path) -> tuple[ClipColumns, str]:
    """Put the frames of all parts into one file; returns what is known of the clips, and the
    SHA-256 of the file."""
    columns, digest = ClipColumns(), hashlib.sha256()
    with frames.open("wb") as target:
        for part in parts:
            columns.extend(part.columns())
            with part.frames.open("rb") as source:
                while content := source.read(COPY_BYTES):
                    target.write(content)
                    digest.update(content)
    return columns, digest.hexdigest()


def _each(reader: PartReader, parts: list[Part], workers: int, lock: int) -> Iterator[int]:
    if workers <= 1:
        yield from map(reader, parts)
        return
    with ProcessPoolExecutor(
        workers, get_context("fork"), initializer=_start_worker, initargs=(lock,)
    ) as pool:
        try:
            yield from pool.map(reader, parts)
        except BrokenProcessPool as error:
            raise ChildProcessError(
                "a process that reads clips was ended from outside, perhaps for want of memory; "
                "the same command goes on from here"
            ) from error


def _start_worker(lock: int) -> None:
    """A worker leaves the keyboard and the lock to its parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.close(lock)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _written_beside(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when it is on disk wholly."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with beside.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)

"""A dataset prepared once as ragged, memory-mapped arrays at <root>/<name>/.

A store is written into a hidden folder beside its place, flushed to disk, and renamed: readers
see a whole store or none, and of several preparers the first to finish wins.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from data import DATASETS
from data.dataset import SPLITS, DatasetInfo, DatasetSource, FloatArray, IntArray
from data.store_files import (
    CLIPS,
    FORMAT_VERSION,
    FRAME_TYPE,
    FRAMES,
    MANIFEST,
    ClipArrays,
    file_sha256,
    flush_to_disk,
    manifest_sha256,
    store_digest,
    write_store,
)

VERIFY_BYTES = 256 * 2**20
"""Frames up to this size are hashed whenever a store is opened, larger ones by `verify` only."""


class StoreMissingError(ValueError):
    """The dataset has not been prepared under this root."""


@dataclass(frozen=True, eq=False)
class ArrayStore:
    """An opened store: n clips, F frames; `frames[offsets[i]:offsets[i + 1]]` is clip i.

    `frames` is (F, M, V, C) float32, memory-mapped and read-only; the other arrays are (n,).
    """

    folder: Path
    info: DatasetInfo
    manifest: dict[str, Any]
    digest: str
    names: NDArray[np.str_]
    labels: IntArray
    subjects: IntArray
    cameras: IntArray
    offsets: IntArray
    frames: FloatArray
    split_codes: dict[str, NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.labels)

    def split(self, protocol: str, *splits: str) -> IntArray:
        """Indices of the clips in any of the splits, ascending.

        Raises ValueError for an unknown protocol or split, or if no split is named.
        """
        if protocol not in self.split_codes:
            known = ", ".join(self.split_codes)
            raise ValueError(f"{self.info.name} has the protocols {known}, got {protocol!r}")
        if not splits or not set(splits) <= set(SPLITS):
            raise ValueError(f"splits must be among {', '.join(SPLITS)}, got {splits}")
        codes = [SPLITS.index(split) for split in splits]
        return np.flatnonzero(np.isin(self.split_codes[protocol], codes)).astype(np.int64)

    def verify(self) -> None:
        """Hash the frames; raises ValueError if they are not those that were prepared."""
        if file_sha256(self.folder / FRAMES) != self.manifest["frames_sha256"]:
            raise _damaged(self.folder, f"{FRAMES} does not have the recorded SHA-256")


def prepare(
    name: str, raw: Path | None, root: Path, *, overwrite: bool = False, **options: Any
) -> ArrayStore:
    """Read the raw files once and put the store at <root>/<name>/.

    `options` go to the dataset's reader. A store that is already there is returned if it was
    prepared with the same options. Raises ValueError for an unknown dataset or option, for raw
    files that are missing or damaged, and for an existing store that differs unless `overwrite`.
    """
    source = _source(name)
    _check_request(name, source, raw, options)
    target = root / name
    if target.exists() and not overwrite:
        return _same_options(open_store(name, root), options)
    root.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    try:
        origin = {"source": None if raw is None else str(raw.absolute()), "options": options}
        clips = (clip.load() for clip in source.scan(raw, **options))
        write_store(temporary, clips, source.describe(options), source.splits, origin)
        temporary.chmod(0o755)
        published = _replace(temporary, target) if overwrite else _publish(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    store = open_store(name, root)
    return store if published else _same_options(store, options)


def ensure_store(name: str, root: Path) -> ArrayStore:
    """Open the store, first preparing a dataset that needs no raw files if it is missing."""
    try:
        return open_store(name, root)
    except StoreMissingError:
        if _source(name).needs_raw:
            raise
    return prepare(name, None, root)


def open_store(name: str, root: Path) -> ArrayStore:
    """Open a prepared dataset.

    Raises StoreMissingError if there is none, and ValueError if it is damaged or of another
    format version; both say how to prepare it.
    """
    _source(name)
    folder = root / name
    if not folder.exists():
        raise StoreMissingError(
            f"dataset {name} is not prepared under {root}; run: {_prepare_command(name)}"
        )
    manifest = _read_manifest(folder)
    try:
        info = _parse_info(manifest["info"])
        with np.load(folder / CLIPS, allow_pickle=False) as file:
            arrays = {column: file[column] for column in file.files}
        store = _assemble(folder, info, manifest, arrays)
    except (OSError, KeyError, TypeError, ValueError, BadZipFile) as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error
    if store_digest(info, arrays, manifest["frames_sha256"]) != store.digest:
        raise _damaged(folder, f"{CLIPS} does not have the recorded digest")
    if store.frames.nbytes <= VERIFY_BYTES:
        store.verify()
    return store


def _source(name: str) -> DatasetSource:
    if name not in DATASETS:
        raise ValueError(f"dataset must be one of {', '.join(DATASETS)}, got {name!r}")
    return DATASETS[name]


def _check_request(
    name: str, source: DatasetSource, raw: Path | None, options: dict[str, Any]
) -> None:
    if source.needs_raw and raw is None:
        raise ValueError(f"dataset {name} is made from raw files; run: {_prepare_command(name)}")
    parameters = inspect.signature(source.scan).parameters.values()
    known = [item.name for item in parameters if item.kind is item.KEYWORD_ONLY]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"dataset {name} has the options {known}, got {unknown}")


def _same_options(store: ArrayStore, options: dict[str, Any]) -> ArrayStore:
    prepared_with = store.manifest["options"]
    if prepared_with != json.loads(json.dumps(options)):
        raise ValueError(
            f"{store.folder} was prepared with the options {prepared_with}, asked for {options}; "
            "overwrite it or choose another root"
        )
    return store


def _publish(temporary: Path, target: Path) -> bool:
    """Rename into place; False if another process has put its store there first."""
    try:
        os.rename(temporary, target)
    except OSError:
        if target.exists():
            return False
        raise
    flush_to_disk(target.parent)
    return True


def _replace(temporary: Path, target: Path) -> bool:
    """Like `_publish`, after moving the present store away: readers that have it open keep it."""
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    try:
        with contextlib.suppress(FileNotFoundError):
            os.rename(target, old / target.name)
        return _publish(temporary, target)
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"{MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise _damaged(folder, f"{MANIFEST} does not hold an object")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise _damaged(folder, f"format version must be {FORMAT_VERSION}, got {version}")
    if manifest_sha256(manifest) != manifest.get("manifest_sha256"):
        raise _damaged(folder, f"{MANIFEST} does not have the recorded SHA-256")
    return manifest


def _parse_info(fields: dict[str, Any]) -> DatasetInfo:
    return DatasetInfo(
        **{
            **fields,
            "classes": tuple(fields["classes"]),
            "edges": tuple((child, parent) for child, parent in fields["edges"]),
            "mirrored": tuple((left, right) for left, right in fields["mirrored"]),
            "protocols": tuple(fields["protocols"]),
        }
    )


def _assemble(
    folder: Path, info: DatasetInfo, manifest: dict[str, Any], arrays: ClipArrays
) -> ArrayStore:
    shape = (int(arrays["offsets"][-1]), info.num_persons, info.num_joints, info.num_channels)
    expected_bytes = int(np.prod(shape)) * FRAME_TYPE.itemsize
    actual_bytes = (folder / FRAMES).stat().st_size
    if actual_bytes != expected_bytes:
        raise ValueError(f"{FRAMES} must have {expected_bytes} bytes, got {actual_bytes}")
    return ArrayStore(
        folder=folder,
        info=info,
        manifest=manifest,
        digest=manifest["digest"],
        names=arrays["names"],
        labels=arrays["labels"],
        subjects=arrays["subjects"],
        cameras=arrays["cameras"],
        offsets=arrays["offsets"],
        frames=np.memmap(folder / FRAMES, dtype=FRAME_TYPE, mode="r", shape=shape),
        split_codes={protocol: arrays[f"split_{protocol}"] for protocol in info.protocols},
    )


def _damaged(folder: Path, problem: str) -> ValueError:
    command = _prepare_command(folder.name)
    return ValueError(
        f"the store {folder} is damaged ({problem}); prepare it again: {command} --overwrite"
    )


def _prepare_command(name: str) -> str:
    raw = " --raw DIR" if DATASETS[name].needs_raw else ""
    return f"skeltune data prepare {name}{raw}"

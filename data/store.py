"""A prepared dataset: ragged, memory-mapped arrays at <root>/<name>/, opened and verified."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from data import DATASETS
from data.dataset import SPLITS, DatasetInfo, FloatArray, IntArray
from data.store_files import (
    CLIPS,
    FORMAT_VERSION,
    FRAME_FILES,
    FRAME_TYPES,
    MANIFEST,
    ClipArrays,
    file_sha256,
    manifest_sha256,
    store_digest,
)

VERIFY_BYTES = 256 * 2**20
"""Frames up to this size are hashed whenever a store is opened, larger ones by `verify` only."""


class StoreMissingError(ValueError):
    """No dataset has been prepared under this name and root."""


class StoreDamagedError(ValueError):
    """The store is not what was prepared, or is of another format version."""


@dataclass(frozen=True, eq=False)
class ArrayStore:
    """An opened store: n clips, F frames; `frames[offsets[i]:offsets[i + 1]]` is clip i.

    `frames` is (F, M, V, C), memory-mapped and read-only, float32 or, if it was prepared so,
    float16; the other arrays are (n,).
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

    @property
    def name(self) -> str:
        """What the store is opened by; `info.name` is the dataset it was prepared from."""
        return self.folder.name

    @property
    def num_bytes(self) -> int:
        """Size of its files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def split(self, protocol: str, *splits: str) -> IntArray:
        """Indices of the clips in any of the splits, ascending.

        Raises ValueError for an unknown protocol or split, or if no split is named.
        """
        if protocol not in self.split_codes:
            known = ", ".join(self.split_codes)
            raise ValueError(f"{self.name} has the protocols {known}, got {protocol!r}")
        if not splits or not set(splits) <= set(SPLITS):
            raise ValueError(f"splits must be among {', '.join(SPLITS)}, got {splits}")
        codes = [SPLITS.index(split) for split in splits]
        return np.flatnonzero(np.isin(self.split_codes[protocol], codes)).astype(np.int64)

    def verify(self) -> None:
        """Hash the frames; raises StoreDamagedError if they are not those that were prepared."""
        file = FRAME_FILES[self.manifest["dtype"]]
        if file_sha256(self.folder / file) != self.manifest["frames_sha256"]:
            raise _damaged(self.folder, f"{file} does not have the recorded SHA-256")


def open_store(name: str, root: Path) -> ArrayStore:
    """Open a prepared dataset, known or not, by the name under which it was prepared.

    Raises StoreMissingError if there is none, and StoreDamagedError if it is damaged or of another
    format version; both say how to prepare it.
    """
    folder = root / name
    manifest = read_manifest(name, root)
    try:
        info = _parse_info(manifest["info"])
        arrays = _read_arrays(folder)
        store = _assemble(folder, info, manifest, arrays)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error
    if store_digest(info, arrays, manifest["frames_sha256"]) != store.digest:
        raise _damaged(folder, f"{CLIPS} does not have the recorded digest")
    if store.frames.nbytes <= VERIFY_BYTES:
        store.verify()
    return store


def read_manifest(name: str, root: Path) -> dict[str, Any]:
    """What a store says of itself, without its arrays; raises as `open_store` does."""
    folder = root / name
    if not folder.is_dir():
        raise _missing(name, root)
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


def prepared_names(root: Path) -> list[str]:
    """The stores under a root, damaged ones included."""
    files = [path for file in (CLIPS, MANIFEST) for path in root.glob(f"[!.]*/{file}")]
    return sorted({path.parent.name for path in files})


def prepare_command(name: str) -> str:
    """How a known dataset is prepared."""
    raw = " --raw DIR" if DATASETS[name].needs_raw else ""
    return f"skeltune data prepare {name}{raw}"


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


def _read_arrays(folder: Path) -> ClipArrays:
    try:
        with np.load(folder / CLIPS, allow_pickle=False) as file:
            return {column: file[column] for column in file.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ValueError(f"{CLIPS} cannot be read: {error}") from error


def _assemble(
    folder: Path, info: DatasetInfo, manifest: dict[str, Any], arrays: ClipArrays
) -> ArrayStore:
    file, frame_type = FRAME_FILES[manifest["dtype"]], FRAME_TYPES[manifest["dtype"]]
    shape = (int(arrays["offsets"][-1]), info.num_persons, info.num_joints, info.num_channels)
    expected_bytes = int(np.prod(shape)) * frame_type.itemsize
    actual_bytes = (folder / file).stat().st_size
    if actual_bytes != expected_bytes:
        raise ValueError(f"{file} must have {expected_bytes} bytes, got {actual_bytes}")
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
        frames=np.memmap(folder / file, dtype=frame_type, mode="r", shape=shape),
        split_codes={protocol: arrays[f"split_{protocol}"] for protocol in info.protocols},
    )


def _missing(name: str, root: Path) -> StoreMissingError:
    if name in DATASETS:
        return StoreMissingError(
            f"dataset {name} is not prepared under {root}; run: {prepare_command(name)}"
        )
    prepared = prepared_names(root)
    close = difflib.get_close_matches(name, [*DATASETS, *prepared], n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return StoreMissingError(
        f"no dataset {name!r} under {root}; {hint}prepared: {', '.join(prepared) or 'none'}; "
        f"known: {', '.join(DATASETS)}"
    )


def _damaged(folder: Path, problem: str) -> StoreDamagedError:
    known = folder.name in DATASETS
    command = f": {prepare_command(folder.name)} --overwrite" if known else " with --overwrite"
    return StoreDamagedError(
        f"the store {folder} is damaged ({problem}); prepare it again{command}"
    )

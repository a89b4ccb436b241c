"""The files of a prepared dataset: what is in them, how they are hashed and flushed to disk.

frames.f32     (F, M, V, C) little-endian float32, all clips one after the other; in a store of
               half precision frames.f16, float16
clips.npz      names, labels, subjects, cameras, setups, parts, split_<protocol> (n,);
               offsets (n + 1,)
manifest.json  description, source, options, dtype, counts, skipped clips, format version, hashes
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.dataset import SPLITS, Clip, ClipTable, DatasetInfo, SplitRule

FORMAT_VERSION = 2
CLIPS, MANIFEST = "clips.npz", "manifest.json"
LEFT_OUT = 255
"""The split code of a clip that a protocol leaves out."""

FrameType = Literal["float32", "float16"]
FRAME_TYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2")}
FRAME_FILES = {"float32": "frames.f32", "float16": "frames.f16"}

ClipArrays = dict[str, NDArray[Any]]


@dataclass
class ClipColumns:
    """What is stored of clips besides their frames, and which clips were left out and why.

    `num_refused` of the skipped clips are damaged or do not fit the dataset; the others are empty
    or left out by rule.
    """

    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    subjects: list[int] = field(default_factory=list)
    cameras: list[int] = field(default_factory=list)
    setups: list[int] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    num_refused: int = 0

    def append(self, clip: Clip) -> None:
        self.names.append(clip.name)
        self.labels.append(int(clip.label))
        self.subjects.append(int(clip.subject))
        self.cameras.append(int(clip.camera))
        self.setups.append(int(clip.setup))
        self.parts.append(clip.part)
        self.lengths.append(len(clip.skeleton))

    def skip(self, name: str, reason: str) -> None:
        self.skipped.append({"name": name, "reason": reason})

    def extend(self, others: ClipColumns) -> None:
        for column, values in asdict(others).items():
            setattr(self, column, getattr(self, column) + values)

    def arrays(self, rules: Mapping[str, SplitRule]) -> ClipArrays:
        arrays: ClipArrays = {
            column: np.array(getattr(self, column), dtype=np.str_) for column in ("names", "parts")
        }
        for column in ("labels", "subjects", "cameras", "setups"):
            arrays[column] = np.array(getattr(self, column), dtype=np.int64)
        arrays["offsets"] = np.cumsum([0, *self.lengths], dtype=np.int64)
        table = ClipTable(**{column: arrays[column] for column in ClipTable._fields})
        for protocol, rule in rules.items():
            arrays[f"split_{protocol}"] = _split_codes(protocol, rule(table))
        return arrays


def finish_store(
    folder: Path,
    columns: ClipColumns,
    frames_sha256: str,
    info: DatasetInfo,
    rules: Mapping[str, SplitRule],
    origin: Mapping[str, Any],
) -> None:
    """Write all but the frames, which the folder has already, and flush everything to disk.

    `origin` (source, options and dtype) is recorded in the manifest and does not enter the digest.
    Raises ValueError if there is no clip, or none in any split, and for a split that does not
    exist.
    """
    if not columns.names:
        raise ValueError(f"{info.name}: no clip to store; skipped: {columns.skipped}")
    arrays = columns.arrays(rules)
    if all((arrays[f"split_{protocol}"] == LEFT_OUT).all() for protocol in rules):
        raise ValueError(f"{info.name}: none of {len(columns.names)} clips is in any split")
    np.savez(folder / CLIPS, allow_pickle=False, **arrays)
    manifest = {
        **origin,
        "format_version": FORMAT_VERSION,
        "info": asdict(info),
        "num_clips": len(columns.names),
        "num_frames": sum(columns.lengths),
        "counts": count_clips(arrays, info),
        "skipped": columns.skipped,
        "frames_sha256": frames_sha256,
        "digest": store_digest(info, arrays, frames_sha256),
    }
    manifest["manifest_sha256"] = manifest_sha256(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for path in folder.iterdir():
        flush_to_disk(path)
    flush_to_disk(folder)


def store_digest(info: DatasetInfo, arrays: ClipArrays, frames_sha256: str) -> str:
    """SHA-256 over the description, the frames and every field of the clips, splits included."""
    digest = hashlib.sha256(f"skeltune store {FORMAT_VERSION}\n{frames_sha256}\n".encode())
    digest.update(json.dumps(asdict(info), sort_keys=True).encode())
    for column in sorted(arrays):
        values = arrays[column].tolist()
        digest.update(json.dumps([column, values]).encode())
    return digest.hexdigest()


def manifest_sha256(manifest: Mapping[str, Any]) -> str:
    """SHA-256 over all of a manifest but this hash itself."""
    content = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def count_clips(arrays: ClipArrays, info: DatasetInfo) -> dict[str, dict[str, dict[str, int]]]:
    """protocol -> split -> class -> number of clips."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for protocol in info.protocols:
        codes = arrays[f"split_{protocol}"]
        counts[protocol] = {
            split: {
                label_name: int(np.sum((codes == code) & (arrays["labels"] == label)))
                for label, label_name in enumerate(info.classes)
            }
            for code, split in enumerate(SPLITS)
        }
    return counts


def file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def flush_to_disk(path: Path) -> None:
    """fsync of a file or of a folder's entries."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _split_codes(protocol: str, assigned: NDArray[np.str_]) -> NDArray[np.uint8]:
    unknown = set(assigned.tolist()) - {*SPLITS, ""}
    if unknown:
        raise ValueError(f"protocol {protocol}: splits are {SPLITS}, got {sorted(unknown)}")
    codes = np.full(len(assigned), LEFT_OUT, dtype=np.uint8)
    for code, split in enumerate(SPLITS):
        codes[assigned == split] = code
    return codes

"""The files of a prepared dataset: how they are written, hashed and put in place.

frames.f32     (F, M, V, C) little-endian float32, all clips one after the other
clips.npz      names, labels, subjects, cameras, setups, parts, split_<protocol> (n,);
               offsets (n + 1,)
manifest.json  description, source, options, counts, skipped clips, format version, hashes
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.dataset import SPLITS, Clip, ClipTable, DatasetInfo, SplitRule, check_clip

FORMAT_VERSION = 2
FRAMES, CLIPS, MANIFEST = "frames.f32", "clips.npz", "manifest.json"
FRAME_TYPE = np.dtype("<f4")
LEFT_OUT = 255
"""The split code of a clip that a protocol leaves out."""

ClipArrays = dict[str, NDArray[Any]]


@dataclass
class _ClipColumns:
    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    subjects: list[int] = field(default_factory=list)
    cameras: list[int] = field(default_factory=list)
    setups: list[int] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=lambda: [0])
    skipped: list[dict[str, str]] = field(default_factory=list)

    def append(self, clip: Clip) -> None:
        self.names.append(clip.name)
        self.labels.append(clip.label)
        self.subjects.append(clip.subject)
        self.cameras.append(clip.camera)
        self.setups.append(clip.setup)
        self.parts.append(clip.part)
        self.offsets.append(self.offsets[-1] + len(clip.skeleton))

    def arrays(self, rules: Mapping[str, SplitRule]) -> ClipArrays:
        arrays: ClipArrays = {
            column: np.array(getattr(self, column), dtype=np.str_) for column in ("names", "parts")
        }
        for column in ("labels", "subjects", "cameras", "setups", "offsets"):
            arrays[column] = np.array(getattr(self, column), dtype=np.int64)
        table = ClipTable(**{column: arrays[column] for column in ClipTable._fields})
        for protocol, rule in rules.items():
            arrays[f"split_{protocol}"] = _split_codes(protocol, rule(table))
        return arrays


def write_store(
    folder: Path,
    clips: Iterable[Clip],
    info: DatasetInfo,
    rules: Mapping[str, SplitRule],
    origin: Mapping[str, Any],
) -> None:
    """Write a whole store into an empty folder and flush it to disk.

    `origin` (source and options) is recorded in the manifest and does not enter the digest. Clips
    without a frame, or without a body in any frame, are left out and recorded with the reason.
    Raises ValueError if a clip does not fit `info`, or if none is left.
    """
    columns, frames_sha256 = _write_frames(folder / FRAMES, clips, info)
    if not columns.names:
        raise ValueError(f"{info.name}: no clip to store; skipped: {columns.skipped}")
    arrays = columns.arrays(rules)
    np.savez(folder / CLIPS, allow_pickle=False, **arrays)
    manifest = {
        "name": info.name,
        **origin,
        "format_version": FORMAT_VERSION,
        "info": asdict(info),
        "num_clips": len(columns.names),
        "num_frames": columns.offsets[-1],
        "counts": count_clips(arrays, info),
        "skipped": columns.skipped,
        "frames_sha256": frames_sha256,
        "digest": store_digest(info, arrays, frames_sha256),
    }
    manifest["manifest_sha256"] = manifest_sha256(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for name in (FRAMES, CLIPS, MANIFEST):
        flush_to_disk(folder / name)
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


def _write_frames(path: Path, clips: Iterable[Clip], info: DatasetInfo) -> tuple[_ClipColumns, str]:
    columns = _ClipColumns()
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        for clip in clips:
            check_clip(clip, info)
            reason = _reason_to_skip(clip)
            if reason is not None:
                columns.skipped.append({"name": clip.name, "reason": reason})
                continue
            content = np.ascontiguousarray(clip.skeleton, dtype=FRAME_TYPE).tobytes()
            stream.write(content)
            digest.update(content)
            columns.append(clip)
    return columns, digest.hexdigest()


def _reason_to_skip(clip: Clip) -> str | None:
    if len(clip.skeleton) == 0:
        return "no frames"
    if not clip.skeleton.any():
        return "no body in any frame"
    return None


def _split_codes(protocol: str, assigned: NDArray[np.str_]) -> NDArray[np.uint8]:
    unknown = set(assigned.tolist()) - {*SPLITS, ""}
    if unknown:
        raise ValueError(f"protocol {protocol}: splits are {SPLITS}, got {sorted(unknown)}")
    codes = np.full(len(assigned), LEFT_OUT, dtype=np.uint8)
    for code, split in enumerate(SPLITS):
        codes[assigned == split] = code
    return codes

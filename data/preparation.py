"""Preparing a dataset: its raw files read once, by several processes, into a store.

Clips are read in groups, each into a part in a working folder beside the store; then the parts
are joined in order, and the store is renamed into place. Readers see a whole store or none. A
preparation that was killed is taken up by the next one with the same request, and of several at
once the first to finish wins. The store is the same to the bit in every case.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data import DATASETS
from data.dataset import DatasetSource, RawClip
from data.part_files import (
    CLIPS_A_PART,
    OnError,
    Part,
    PartReader,
    Progress,
    group_clips,
    join_parts,
    read_parts,
)
from data.store import ArrayStore, StoreMissingError, open_store, prepare_command
from data.store_files import (
    FORMAT_VERSION,
    FRAME_FILES,
    FrameType,
    file_sha256,
    finish_store,
    flush_to_disk,
)
from data.working_folder import remove_abandoned, request_digest, working_folder, working_in

STORE_NAME = re.compile(r"[a-z][a-z0-9_]*")
BEYOND_SKIP = "skip leaves out single clips: which clips there are must be known"


def prepare(
    source: DatasetSource,
    raw: Path | None,
    root: Path,
    *,
    name: str | None = None,
    workers: int = 1,
    on_error: OnError = "stop",
    dtype: FrameType = "float32",
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> ArrayStore:
    """Read the raw files and put the store at <root>/<name>/; default is the dataset's own name.

    `raw` is where the files lie, if the source does not know or they lie elsewhere. `options` go
    to the dataset's reader. With `on_error="skip"` clips that cannot be read are left out and
    recorded in the manifest. A store that is already there is returned, without a look at the raw
    files, if it was prepared from the same place with the same options (of a file, the same
    content) and dtype. Raises ValueError for what the dataset does not take, for raw files that are
    missing or damaged, for two clips of one name, and for an existing store that differs unless
    `overwrite`.
    """
    name, raw = name or source.info.name, raw or source.raw
    _check_request(name, source, raw, workers, options)
    reader = PartReader(source.describe(options), dtype, on_error)
    origin = {
        "source": None if raw is None else str(raw.absolute()),
        "options": json.loads(json.dumps(options, default=_told)),
        "dtype": dtype,
        **source.description,
        **source.told,
    }
    target = root / name
    if target.exists() and not overwrite:
        return _require_same(open_store(name, root), source, origin)
    clips = _scan(source, raw, options, on_error)
    root.mkdir(parents=True, exist_ok=True)
    form = (FORMAT_VERSION, CLIPS_A_PART, dtype)
    decided = {**options, **source.description}
    request = request_digest(form, reader.info, raw and raw.absolute(), decided, list(clips))
    working = working_folder(root, name, request)
    with working_in(working) as lock:
        if overwrite or not target.exists():
            parts = group_clips(clips, working)
            read_parts(parts, reader, workers, lock, progress or _tell_nobody)
            _join(parts, working / "store", reader, source, origin)
            _publish(working / "store", target, working / "old" if overwrite else None)
    remove_abandoned(root, name)
    return _require_same(open_store(name, root), source, origin)


def ensure_store(name: str, root: Path) -> ArrayStore:
    """Open the store, first preparing a dataset that needs no raw files if it is missing."""
    try:
        return open_store(name, root)
    except StoreMissingError:
        if name not in DATASETS or DATASETS[name].needs_raw:
            raise
    return prepare(DATASETS[name], None, root)


def _check_request(
    name: str,
    source: DatasetSource,
    raw: Path | None,
    workers: int,
    options: Mapping[str, Any],
) -> None:
    known_as = source.info.name
    if STORE_NAME.fullmatch(name) is None:
        raise ValueError(f"the name of a store must have the form {STORE_NAME.pattern}, got {name}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if source.needs_raw and raw is None:
        command = prepare_command(known_as) if known_as in DATASETS else "name their folder"
        raise ValueError(f"dataset {known_as} is made from raw files; run: {command}")
    parameters = inspect.signature(source.scan).parameters.values()
    known = [item.name for item in parameters if item.kind is item.KEYWORD_ONLY]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"dataset {known_as} has the options {known}, got {unknown}")


def _told(option: object) -> str:
    """An option in the manifest; a file is told with what it holds, which may change."""
    if isinstance(option, Path) and option.is_file():
        return f"{option} (SHA-256 {file_sha256(option)})"
    return str(option)


def _scan(
    source: DatasetSource, raw: Path | None, options: Mapping[str, Any], on_error: OnError
) -> Sequence[RawClip]:
    try:
        clips = source.scan(raw, **options)
    except ValueError as error:
        if on_error == "stop":
            raise
        raise ValueError(f"{error} ({BEYOND_SKIP})") from error
    name, count = Counter(clip.name for clip in clips).most_common(1)[0] if clips else ("", 0)
    if count > 1:
        raise ValueError(f"{source.info.name}: clips must have different names, got {name!r} twice")
    return clips


def _join(
    parts: Sequence[Part],
    folder: Path,
    reader: PartReader,
    source: DatasetSource,
    origin: Mapping[str, Any],
) -> None:
    """The whole store in a folder of its own, made anew if an earlier run left it half done."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    columns, frames_sha256 = join_parts(parts, folder / FRAME_FILES[reader.dtype])
    finish_store(folder, columns, frames_sha256, reader.info, source.splits, origin)


def _publish(folder: Path, target: Path, old: Path | None) -> None:
    """Rename into place, the present store to `old` if that is given: readers that have it open
    keep it. A store that another process has put there meanwhile stays."""
    if old is not None and target.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.rename(target, old)
    try:
        os.rename(folder, target)
    except OSError:
        if not target.exists():
            raise
    flush_to_disk(target.parent)


def _require_same(
    store: ArrayStore, source: DatasetSource, origin: Mapping[str, Any]
) -> ArrayStore:
    """The store, if it is what was asked for."""
    decisive = ("options", "dtype", "source", *source.description)
    asked = {"dataset": source.info.name, **{key: origin[key] for key in decisive}}
    found = {"dataset": store.info.name, **{key: store.manifest.get(key) for key in decisive}}
    if found != asked:
        raise ValueError(
            f"{store.folder} was prepared as {found}, asked for {asked}; "
            "overwrite it, choose another name or another root"
        )
    return store


def _tell_nobody(_num_read: int, _num_clips: int) -> None:
    pass

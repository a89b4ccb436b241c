"""From the description of one's own data set to its clips."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from data.dataset import SPLITS, Clip, DatasetInfo, DatasetSource, RawClip, refused
from data.own import FIELDS, OwnDataset
from data.own_reading import Place, list_places, read_place
from data.own_splits import split_rule

Fields = Mapping[str, Any]


def own_source(dataset: OwnDataset, folder: Path) -> DatasetSource:
    """The source of a description whose paths are relative to `folder`.

    Raises ValueError for a file of classes that cannot be read or has a name twice, and for a
    clips' table that cannot be read.
    """
    info = describe_own(dataset, folder)

    def scan(raw: Path) -> list[RawClip]:
        return scan_own(dataset, info.classes, raw, folder)

    return DatasetSource(
        info=info,
        scan=scan,
        splits={name: split_rule(name, rule) for name, rule in dataset.protocols.items()},
        raw=folder / dataset.raw,
        description={"description": _digest(dataset, info.classes, folder)},
        told={"own": asdict(replace(dataset, raw=".", classes=info.classes))},
    )


def describe_own(dataset: OwnDataset, folder: Path) -> DatasetInfo:
    skeleton = dataset.skeleton
    centre = skeleton.number(skeleton.centre)
    return DatasetInfo(
        name=dataset.name,
        classes=_classes(dataset.classes, folder),
        num_channels=skeleton.num_channels,
        num_joints=len(skeleton.names),
        num_persons=dataset.persons,
        edges=skeleton.tree(),
        centre=centre,
        protocols=tuple(dataset.protocols),
        origin_joint=centre if skeleton.origin is None else skeleton.number(skeleton.origin),
        has_score=skeleton.score,
        mirrored=tuple(skeleton.numbers(pair) for pair in skeleton.mirrored),
    )


def scan_own(
    dataset: OwnDataset, classes: tuple[str, ...], raw: Path, folder: Path
) -> list[RawClip]:
    """Clips by the files' paths below `raw`; the clips' table, if any, is in `folder`.

    A clip has the path of its file without the suffix as its name; of a file with many clips each
    has its number, or the value of its column, after a slash. Raises ValueError if there is no
    file, if one of many clips cannot be read, or if the clips' table tells of others, too; a clip
    that pattern or table do not tell of raises it when it is loaded.
    """
    source = dataset.arrays or dataset.tables
    assert source is not None
    paths = sorted(raw.glob(source.files))
    if not paths:
        raise ValueError(f"no files {source.files} below {raw}")
    table = _ClipsTable(dataset, folder)
    clips = []
    for path in paths:
        file, modified = path.relative_to(raw), path.stat().st_mtime_ns
        for place in list_places(dataset, dataset.clips.keys, path, modified):
            name = _name(file, place)
            try:
                from_path = _from_path(dataset.clips.pattern, path, file.as_posix())
                told = {**from_path, **table.fields(file.as_posix(), name)}
            except ValueError as error:
                clips.append(refused(name, str(error)))
                continue
            load = partial(load_own, dataset, classes, name, path, modified, place, told)
            clips.append(RawClip(name, load))
    table.check_all_found()
    return clips


def load_own(
    dataset: OwnDataset,
    classes: tuple[str, ...],
    name: str,
    path: Path,
    modified: int,
    place: Place,
    told: Fields,
) -> Clip:
    """One clip of a file of this time; `told` are the fields known from its path and the clips'
    table."""
    skeleton, found = read_place(dataset, dataset.clips.keys, path, modified, place)
    fields = {**told, **found}
    where = str(path) if place is None else f"{path}, clip {place}"
    return Clip(
        name=name,
        skeleton=skeleton,
        label=_label(fields.get("label", ""), classes, dataset.clips.first_label, where),
        subject=_whole(fields, "subject", where),
        camera=_whole(fields, "camera", where),
        setup=_whole(fields, "setup", where),
        part=_part(fields.get("split", ""), where),
    )


def _digest(dataset: OwnDataset, classes: tuple[str, ...], folder: Path) -> str:
    """12 hexadecimal digits over all that is described, wherever the files lie."""
    content = asdict(dataset) | {"raw": None, "classes": classes}
    if dataset.clips.table is not None:
        content["table"] = _read_text(folder / dataset.clips.table)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _classes(given: tuple[str, ...] | str, folder: Path) -> tuple[str, ...]:
    if isinstance(given, str):
        lines = (line.strip() for line in _read_text(folder / given).splitlines())
        given = tuple(line for line in lines if line)
    if len(set(given)) < max(len(given), 2):
        raise ValueError(f"classes must be at least two, of different names, got {given}")
    return given


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def _name(file: Path, place: Place) -> str:
    stem = file.with_suffix("").as_posix()
    return stem if place is None else f"{stem}/{place}"


def _from_path(pattern: str | None, path: Path, file: str) -> Fields:
    if pattern is None:
        return {}
    match = re.search(pattern, file)
    if match is None:
        raise ValueError(f"{path}: {file!r} has no match of clips.pattern {pattern!r}")
    return {key: value for key, value in match.groupdict().items() if value is not None}


class _ClipsTable:
    """The rows of the clips' table, if there is one; each is used, and by one clip or file."""

    def __init__(self, dataset: OwnDataset, folder: Path) -> None:
        self._path = folder / (dataset.clips.table or "")
        self._by = ""
        self._rows: dict[str, Fields] = {}
        self._used: set[str] = set()
        if dataset.clips.table is None:
            return
        reader = csv.DictReader(_read_text(self._path).splitlines())
        columns = list(reader.fieldnames or ())
        self._by = next((name for name in ("file", "clip") if name in columns), "")
        elsewhere = [*dataset.clips.groups, *dataset.clips.keys]
        self._fields = [name for name in columns if name in FIELDS]
        if not self._by or "label" not in [*self._fields, *elsewhere]:
            raise ValueError(
                f"{self._path}: needs the column file or clip, and label, got {', '.join(columns)}"
            )
        if twice := set(self._fields) & set(elsewhere):
            raise ValueError(f"{self._path}: {', '.join(twice)} is told by clips.pattern or keys")
        for row in reader:
            self._add(row, reader.line_num)

    def fields(self, file: str, name: str) -> Fields:
        if not self._by:
            return {}
        key = file if self._by == "file" else name
        if key not in self._rows:
            raise ValueError(f"{self._path}: has no row of the {self._by} {key}")
        self._used.add(key)
        return self._rows[key]

    def check_all_found(self) -> None:
        if missing := [key for key in self._rows if key not in self._used]:
            raise ValueError(
                f"{self._path}: {len(missing)} rows are of a {self._by} that is not there: "
                f"{', '.join(missing[:5])}"
            )

    def _add(self, row: dict[str, str | None], line: int) -> None:
        key = row[self._by]
        if not key or key in self._rows or None in row.values():
            raise ValueError(f"{self._path}, line {line}: {self._by} is missing or stands twice")
        self._rows[key] = {name: row[name] for name in self._fields}


def _label(value: Any, classes: tuple[str, ...], first: int, where: str) -> int:
    """The place of a class's name, or a number counted from `first`."""
    if str(value) in classes:
        return classes.index(str(value))
    last = first + len(classes) - 1
    if re.fullmatch(r"\d+", str(value)) and first <= int(value) <= last:
        return int(value) - first
    raise ValueError(
        f"{where}: label must be a class's name or a number in {first}..{last}, got {value!r}"
    )


def _whole(fields: Fields, name: str, where: str) -> int:
    value = fields.get(name, 0)
    if not re.fullmatch(r"\d+", str(value)):
        raise ValueError(f"{where}: {name} must be a whole number, got {value!r}")
    return int(value)


def _part(value: Any, where: str) -> str:
    if value not in (*SPLITS, ""):
        raise ValueError(f"{where}: split must be {', '.join(SPLITS)} or empty, got {value!r}")
    return str(value)

"""What data sets there are and what prepared ones hold: tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from data import DATASETS
from data.dataset import SPLITS
from data.store import ArrayStore, StoreDamagedError, prepared_names, read_manifest
from orchestrator.engine.documents import Raw
from orchestrator.reports.table import Table

MOST_REASONS, MOST_NAMED = 20, 3


def list_table(root: Path) -> Table:
    """The data sets that have readers, and the stores of other names."""
    prepared = prepared_names(root)
    names = [*DATASETS, *(name for name in prepared if name not in DATASETS)]
    rows = [_prepared_row(name, root) if name in prepared else _absent_row(name) for name in names]
    columns = ("data set", "classes", "joints", "persons", "protocols", "prepared")
    notes = (
        f"Prepared ones are in {root}.",
        "`skeltune data prepare NAME --raw DIR` reads the original files once.",
    )
    return Table("Data sets", columns, tuple(rows), notes)


def describe_store(store: ArrayStore) -> Raw:
    """Everything that is told of a store, as plain values; lengths in frames."""
    info, manifest = store.info, store.manifest
    lengths = np.diff(store.offsets)
    return {
        "name": store.name,
        "dataset": info.name,
        "folder": str(store.folder),
        "source": manifest["source"],
        "options": manifest["options"],
        "dtype": manifest["dtype"],
        "bytes": store.num_bytes,
        "clips": len(store),
        "frames": int(lengths.sum()),
        "lengths": {
            "min": int(lengths.min()),
            "median": float(np.median(lengths)),
            "max": int(lengths.max()),
        },
        "classes": list(info.classes),
        "joints": info.num_joints,
        "persons": info.num_persons,
        "channels": info.num_channels,
        "has_score": info.has_score,
        "digest": store.digest,
        "splits": {
            protocol: {split: len(store.split(protocol, split)) for split in SPLITS}
            for protocol in info.protocols
        },
        "counts": manifest["counts"],
        "skipped": manifest["skipped"],
    }


def info_tables(told: Raw, *, with_classes: bool) -> Iterator[Table]:
    """What `describe_store` tells, for people."""
    yield _facts_table(told)
    yield _splits_table(told)
    if with_classes:
        yield from (_classes_table(told, protocol) for protocol in told["counts"])
    if told["skipped"]:
        yield skipped_table(told["skipped"])


def shown_bytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


def _absent_row(name: str) -> tuple[str, ...]:
    source = DATASETS[name]
    return _row(name, asdict(source.info), "no" if source.needs_raw else "when first used")


def _prepared_row(name: str, root: Path) -> tuple[str, ...]:
    try:
        manifest = read_manifest(name, root)
    except StoreDamagedError:
        return (name, "", "", "", "", "damaged")
    info = manifest["info"]
    origin = f" of {info['name']}" if name != info["name"] else ""
    half = ["float16"] if manifest["dtype"] == "float16" else []
    options = [f"{key}={value}" for key, value in manifest["options"].items()]
    return _row(name, info, ", ".join([f"{manifest['num_clips']} clips{origin}", *half, *options]))


def _row(name: str, info: Raw, prepared: str) -> tuple[str, ...]:
    sizes = (len(info["classes"]), info["num_joints"], info["num_persons"])
    return (name, *map(str, sizes), ", ".join(info["protocols"]), prepared)


def _facts_table(told: Raw) -> Table:
    lengths = told["lengths"]
    options = ", ".join(f"{key}={value}" for key, value in told["options"].items())
    score = ", the last a confidence" if told["has_score"] else ""
    rows = (
        ("data set", told["dataset"]),
        ("read from", told["source"] or "no folder was named"),
        ("options", options or "defaults"),
        ("clips", f"{told['clips']}, {len(told['skipped'])} left out"),
        ("frames", f"{told['frames']}"),
        ("length", f"{lengths['min']} to {lengths['max']} frames, median {lengths['median']:g}"),
        ("classes", f"{len(told['classes'])}"),
        ("joints, persons", f"{told['joints']}, {told['persons']}"),
        ("channels", f"{told['channels']}{score}"),
        ("size", f"{shown_bytes(told['bytes'])}, {told['dtype']}"),
        ("folder", told["folder"]),
        ("digest", told["digest"]),
    )
    return Table(f"Data set {told['name']}", ("", told["name"]), rows)


def _splits_table(told: Raw) -> Table:
    rows = []
    for protocol, counts in told["splits"].items():
        left_out = told["clips"] - sum(counts.values())
        rows.append((protocol, *map(str, counts.values()), str(left_out or "")))
    return Table("Clips of each split", ("protocol", *SPLITS, "left out"), tuple(rows))


def _classes_table(told: Raw, protocol: str) -> Table:
    counts = told["counts"][protocol]
    rows = tuple(
        (name, *(str(counts[split][name]) for split in SPLITS)) for name in told["classes"]
    )
    return Table(f"Clips of each class, {protocol}", ("class", *SPLITS), rows)


def skipped_table(skipped: list[dict[str, str]]) -> Table:
    """One row a reason."""
    reasons: dict[str, list[str]] = {}
    for clip in skipped:
        reasons.setdefault(clip["reason"], []).append(clip["name"])
    rows = tuple(
        (str(len(names)), ", ".join(names[:MOST_NAMED]) + " ..." * (len(names) > MOST_NAMED), why)
        for why, names in list(reasons.items())[:MOST_REASONS]
    )
    more = len(reasons) - len(rows)
    notes = (f"and {more} more reasons: --json tells all",) if more else ()
    return Table("Clips left out", ("clips", "which", "reason"), rows, notes)

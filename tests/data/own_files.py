"""Small data sets of one's own: five joints, moved by random numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.own import (
    ArrayFiles,
    ClipFields,
    OwnDataset,
    OwnProtocol,
    OwnSkeleton,
    Selection,
    TableFiles,
)
from data.own_source import own_source
from tests.data.stores import load_all

JOINTS = ("hips", "chest", "head", "left hand", "right hand")
SKELETON = OwnSkeleton(
    joints=JOINTS,
    edges=(("hips", "chest"), ("chest", "head"), ("chest", 3), ("right hand", "chest")),
    centre="chest",
    origin="hips",
    mirrored=(("left hand", "right hand"),),
)
PROTOCOLS = {
    "xsub": OwnProtocol(test=Selection(subjects=(3,)), val=Selection(subjects=(2,))),
}
BY_NAME = ClipFields(pattern=r"S(?P<subject>\d+)C(?P<camera>\d+)_(?P<label>[a-z]+)")
BY_KEYS = ClipFields(keys={"label": "label", "subject": "subject"})
NAMES = ("S1C1_wave", "S1C2_bow", "S2C1_wave", "S2C2_bow", "S3C1_wave")


def make_dataset(**changes: Any) -> OwnDataset:
    fields: dict[str, Any] = {
        "name": "kitchen",
        "skeleton": SKELETON,
        "classes": ("bow", "wave"),
        "clips": BY_NAME,
        "protocols": PROTOCOLS,
    }
    if "tables" not in changes:
        fields["arrays"] = ArrayFiles(files="**/*.npz")
    return OwnDataset(**(fields | changes))


def make_frames(length: int, number: int = 0, persons: int = 1) -> np.ndarray:
    """(T, M, 5, 3) float32, nothing zero."""
    rng = np.random.default_rng((length, number))
    return rng.uniform(1.0, 2.0, size=(length, persons, 5, 3)).astype(np.float32)


def scan(dataset: OwnDataset, folder: Path, raw: Path | None = None):
    source = own_source(dataset, folder)
    return source.scan(raw or source.raw)


def read(dataset: OwnDataset, folder: Path):
    return load_all(scan(dataset, folder))


def long_rows(frames: np.ndarray, **columns: object) -> list[dict[str, object]]:
    """A row for each joint that has a coordinate other than zero."""
    return [
        {**columns, "frame": t, "person": f"p{m}", "joint": JOINTS[v], "x": x, "y": y, "z": z}
        for t, m, v in np.ndindex(frames.shape[:3])
        for x, y, z in [frames[t, m, v].tolist()]
        if any((x, y, z))
    ]


def write_csv(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


LONG = TableFiles(
    files="*.csv", clip="clip", person="person", joint="joint", values=("x", "y", "z")
)

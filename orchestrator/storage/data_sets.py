"""Prepared data sets in a storage: put there once, fetched once by each node."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from data.store import (
    ArrayStore,
    StoreDamagedError,
    StoreMissingError,
    open_store,
    prepared_names,
)
from orchestrator.engine.errors import StorageError
from orchestrator.storage.place import Place

_COMPLETE = "complete"
"""Put last: whoever finds it finds every file."""


def offer_stores(digests: Mapping[str, str], root: Path, data_sets: str | None) -> None:
    """Put what lies prepared under a root where all nodes of a study can have it."""
    if data_sets is None:
        return
    for name in digests:
        put_store(open_store(name, root), Place(data_sets))


def bring_stores(digests: Mapping[str, str], root: Path, data_sets: str | None) -> None:
    """What a study used and this machine has not, for a driver that takes it up elsewhere."""
    if data_sets is None:
        return
    for name, digest in digests.items():
        is_missing = name not in prepared_names(root)
        if is_missing and (_place(Place(data_sets), name, digest) / _COMPLETE).read() is not None:
            fetch_store(Place(data_sets), name, digest, root)


def put_store(store: ArrayStore, data_sets: Place) -> None:
    """Unless it is there already; two at once put the same files."""
    place = _place(data_sets, store.name, store.digest)
    if (place / _COMPLETE).read() is not None:
        return
    for file in sorted(store.folder.glob("[!.]*")):
        place.put(file)
    (place / _COMPLETE).write(b"")


def fetch_store(data_sets: Place, name: str, digest: str, root: Path) -> ArrayStore:
    """Have it at root/NAME; of several processes of a node one fetches, the others wait."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = stored_at(root, name, digest)
        return found or _fetched(data_sets, name, digest, root)


def stored_at(root: Path, name: str, digest: str) -> ArrayStore | None:
    """The store that lies there, if it is this preparation."""
    try:
        store = open_store(name, root)
    except (StoreMissingError, StoreDamagedError):
        return None
    return store if store.digest == digest else None


def _fetched(data_sets: Place, name: str, digest: str, root: Path) -> ArrayStore:
    """Hashed before it is renamed into place."""
    place, part = _place(data_sets, name, digest), root / ".part"
    shutil.rmtree(part, ignore_errors=True)
    names = [found for found in place.names() if found != _COMPLETE]
    place.fetch(names, part / name)
    store = stored_at(part, name, digest)
    if store is None:
        raise StorageError(place, "use it", "it is not the data set that was put there")
    store.verify()
    shutil.rmtree(root / name, ignore_errors=True)
    os.rename(part / name, root / name)
    return open_store(name, root)


def _place(data_sets: Place, name: str, digest: str) -> Place:
    return data_sets / f"{name}-{digest[:16]}"

"""A folder in a storage that is not mounted here, by its URI: the only door to fsspec.

Objects are put whole: a reader sees the old one or the new one. Credentials come from the
environment alone, so no URI, and nothing that tells of one, has a secret in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fsspec
from fsspec.core import url_to_fs

from orchestrator.engine.errors import StorageError

T = TypeVar("T")
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/]*@")
_NO_PLACE = "say a path, or a URI such as s3://bucket/prefix"
_PROBE = ".writable"


def is_elsewhere(storage: str) -> bool:
    """Whether it is a URI, not a path of this machine's file system."""
    return "://" in storage and urlsplit(storage).scheme not in {"file", "local"}


@dataclass(frozen=True)
class Place:
    """`s3://bucket/prefix` or whatever else fsspec knows."""

    uri: str

    @classmethod
    def named(cls, uri: str) -> Place:
        """Raises `StorageError` for a password in the URI and for what cannot be opened here."""
        if _PASSWORD.search(uri):
            shown, protocol = _PASSWORD.sub(r"\1@", uri), urlsplit(uri).scheme.upper()
            remedy = f"leave it out and set FSSPEC_{protocol}_PASSWORD in the environment"
            raise StorageError(shown, "use it", "the URI has a password", remedy)
        place = cls(uri.rstrip("/"))
        try:
            fsspec.get_filesystem_class(urlsplit(uri).scheme)
        except ValueError as error:
            raise StorageError(uri, "use it", str(error), _NO_PLACE) from None
        except ImportError as error:
            remedy = "install the package (for s3: pip install 'skeltune[s3]')"
            raise StorageError(uri, "use it", str(error), remedy) from None
        return place

    def __truediv__(self, name: str) -> Place:
        return Place(f"{self.uri}/{name}")

    def __str__(self) -> str:
        return self.uri

    @property
    def name(self) -> str:
        return self.uri.rpartition("/")[2]

    def require_writable(self) -> None:
        """Raise `StorageError` unless an object can be written, read and removed."""
        probe = self / _PROBE
        probe.write(b"1")
        if probe.read() != b"1":
            raise StorageError(self, "read it", "what was written is not there")
        probe.remove()

    def read(self) -> bytes | None:
        """None where there is no such object."""

        def content(fs: Any, path: str) -> bytes | None:
            with suppress(FileNotFoundError):
                return bytes(fs.cat_file(path))
            return None

        return self._ask("read it", content)

    def write(self, content: bytes) -> None:
        self._put("write it", lambda fs, path: fs.pipe_file(path, content))

    def create(self, content: bytes) -> bool:
        """Whether it was not there before; of several at once one succeeds. Where the storage has
        no conditional writes the last one stays: read it again after a while."""
        try:
            self._put("write it", lambda fs, path: fs.pipe_file(path, content, mode="create"))
        except StorageError:
            found = self.read()
            if found is None:
                raise
            return found == content  # a client that tries again meets what it has written
        return True

    def remove(self) -> None:
        """With all below it; nothing happens where there is nothing."""
        self._ask(
            "remove it", lambda fs, path: fs.rm(path, recursive=True) if fs.exists(path) else None
        )

    def names(self) -> list[str]:
        """Of the objects and folders right below, sorted."""

        def listed(fs: Any, path: str) -> list[str]:
            with suppress(FileNotFoundError):
                return list(fs.ls(path, detail=False))
            return []

        found = self._ask("list it", listed)
        return sorted({PurePosixPath(path.rstrip("/")).name for path in found} - {""})

    def files(self) -> list[str]:
        """The paths of all objects below, from here."""

        def found(fs: Any, path: str) -> list[str]:
            start = len(path.rstrip("/")) + 1
            return [str(name)[start:] for name in fs.find(path)]

        return self._ask("list it", found)

    def contents(self, names: Sequence[str]) -> list[bytes]:
        """Of several objects below, read at the same time."""

        def read(fs: Any, path: str) -> list[bytes]:
            paths = [f"{path}/{name}" for name in names]
            found = fs.cat(paths) if paths else {}
            return [found[key] for key in paths]

        return self._ask("read it", read)

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Copy objects below into a folder; each is there whole or not at all."""
        parts = [_beside(folder / name) for name in names]
        for part in parts:
            part.parent.mkdir(parents=True, exist_ok=True)
        if names:
            local = [str(part) for part in parts]
            self._ask("fetch it", lambda fs, path: fs.get([f"{path}/{n}" for n in names], local))
        for name, part in zip(names, parts, strict=True):
            os.replace(part, folder / name)

    def put(self, file: Path, name: str | None = None) -> None:
        """Copy a file into this folder, whole; `name` is its path from here, if not its name."""
        (self / (name or file.name))._put("write it", lambda fs, path: fs.put_file(str(file), path))

    def _put(self, doing: str, write: Callable[[Any, str], Any]) -> None:
        """Folders are made where the storage has such things; never a bucket."""

        def put(fs: Any, path: str) -> None:
            try:
                write(fs, path)
            except FileNotFoundError:
                _make_folder(fs, fs._parent(path))
                write(fs, path)

        self._ask(doing, put)

    def _ask(self, doing: str, act: Callable[[Any, str], T]) -> T:
        """Whatever a storage's client raises, as a `StorageError` that names the place."""
        try:
            fs, path = url_to_fs(self.uri)
            fs.invalidate_cache()
            return act(fs, path)
        except Exception as error:
            reason = f"{type(error).__name__} {error}".strip()
            raise StorageError(self, doing, reason) from None


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}")


def _make_folder(fs: Any, path: str) -> None:
    if fs.exists(path):
        return
    if fs._parent(path) in {"", path, fs.root_marker}:
        raise FileNotFoundError(f"there is no {path}")
    _make_folder(fs, fs._parent(path))
    fs.mkdir(path, create_parents=False)

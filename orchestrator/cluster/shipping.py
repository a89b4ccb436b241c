"""The code that nodes get: a copy of our packages and nothing that lies beside them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("orchestrator", "models", "losses", "data")
NOT_SHIPPED = ("__pycache__", ".*")


@contextmanager
def shipped_code(further: Mapping[str, Path] = MappingProxyType({})) -> Iterator[Path]:
    """A folder with our packages, and `further` files by their names in it, to be sent to nodes.

    A copy: of a checkout Ray would leave out what `.gitignore` says, our package `data` included
    where that names a folder of data, and take along what lies beside the packages.
    """
    with TemporaryDirectory(prefix="skeltune-code-") as name:
        folder, left_out = Path(name), shutil.ignore_patterns(*NOT_SHIPPED)
        for package in SHIPPED:
            shutil.copytree(PACKAGE_ROOT / package, folder / package, ignore=left_out)
        for place, file in further.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / place)
        yield folder


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

"""Epochs and configurations, kept small: a driver has those of thousands of trials in memory."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterator, Mapping
from functools import lru_cache

from orchestrator.engine.documents import Raw

_names: dict[tuple[str, ...], tuple[str, ...]] = {}


class Epoch(Mapping[str, float]):
    """Names that epochs share, and eight bytes a figure."""

    __slots__ = ("_figures", "_keys")

    def __init__(self, figures: Mapping[str, float]) -> None:
        keys = tuple(map(sys.intern, figures))
        self._keys = _names.setdefault(keys, keys)
        self._figures = array("d", figures.values())

    def __getitem__(self, key: str) -> float:
        try:
            return self._figures[self._keys.index(key)]
        except ValueError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return repr(dict(self))


def shared(document: Raw) -> Raw:
    """An equal document, which has its parts in common with earlier ones: nobody may change it."""
    return {
        sys.intern(key): _part(json.dumps(value)) if isinstance(value, dict) else value
        for key, value in document.items()
    }


@lru_cache(maxsize=256)
def _part(text: str) -> Raw:
    part: Raw = json.loads(text)
    return part

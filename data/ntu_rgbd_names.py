"""The names of the clips of NTU RGB+D and NTU RGB+D 120, their actions, and what they leave out."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from data.raw_files import parse_name

FILE_NAME = re.compile(
    r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<take>\d{3})A(?P<action>\d{3})"
    r"\.skeleton"
)
CLASSES = Path(__file__).with_name("ntu_rgbd_classes.txt")
MISSING = Path(__file__).with_name("ntu_rgbd_missing.txt")


class ClipName(NamedTuple):
    """SsssCcccPpppRrrrAaaa and its numbers."""

    name: str
    setup: int
    camera: int
    subject: int
    take: int
    action: int

    def fields(self) -> dict[str, Any]:
        """The fields of a `Clip` that its name tells."""
        return {
            "name": self.name,
            "label": self.action - 1,
            "subject": self.subject,
            "camera": self.camera,
            "setup": self.setup,
        }


class Edition(NamedTuple):
    """NTU RGB+D or NTU RGB+D 120: the largest number that each part of a name can have."""

    name: str
    setup: int
    camera: int
    subject: int
    take: int
    action: int

    def classes(self) -> tuple[str, ...]:
        return tuple(_read_lines(CLASSES)[: self.action])

    def parse(self, path: Path) -> ClipName | None:
        """The numbers of a `.skeleton` file's name, None if it is of a setup of the other edition.

        Raises ValueError for a name of another form or with a number out of range.
        """
        numbers = parse_name(path, FILE_NAME)
        if numbers["setup"] > self.setup:
            return None
        for key, number in numbers.items():
            largest = getattr(self, key)
            if not 1 <= number <= largest:
                raise ValueError(f"{path}: the {key} must be in 1..{largest}, got {number}")
        return ClipName(path.stem, **numbers)


NTU60_NAMES = Edition("ntu60", setup=17, camera=3, subject=40, take=2, action=60)
NTU120_NAMES = Edition("ntu120", setup=32, camera=3, subject=106, take=2, action=120)


def is_missing(clip: ClipName) -> bool:
    """Whether its authors list the clip as one with missing or incomplete skeletons."""
    return clip.name in _read_missing()


@cache
def _read_missing() -> frozenset[str]:
    return frozenset(_read_lines(MISSING))


def _read_lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="ascii").splitlines()
    return [line for line in lines if not line.startswith("#")]

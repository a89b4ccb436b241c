"""The names of the clips of NTU RGB+D and NTU RGB+D 120, their actions, and what they leave out."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from data.names import read_names
from data.raw_files import parse_name

FILE_NAME = re.compile(
    r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<take>\d{3})A(?P<action>\d{3})"
    r"\.skeleton"
)


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
        return read_names("ntu_rgbd_classes.txt")[: self.action]

    def parse(self, path: Path) -> ClipName | None:
        """The numbers of a `.skeleton` file's name, None if it is of a setup of the other edition.

        Raises ValueError for a name of another form or with a number that its edition has not.
        """
        numbers = parse_name(path, FILE_NAME)
        edition = self if numbers["setup"] <= self.setup else NTU120_NAMES
        edition._check(numbers, str(path))
        return ClipName(path.stem, **numbers) if edition is self else None

    def parse_clip(self, name: str, label: int, place: str) -> ClipName:
        """The numbers of the name of a clip with this label; ValueError, naming the place, if the
        name has another form, numbers out of range, or another action than the label's."""
        match = FILE_NAME.fullmatch(f"{name}.skeleton")
        numbers = {key: int(value) for key, value in match.groupdict().items()} if match else {}
        if numbers.get("action") != label + 1:
            raise ValueError(
                f"{place}: the name must be SsssCcccPpppRrrrAaaa with the action {label + 1} of "
                f"the label {label}"
            )
        self._check(numbers, place)
        return ClipName(name, **numbers)

    def _check(self, numbers: dict[str, int], place: str) -> None:
        for key, number in numbers.items():
            largest = getattr(self, key)
            if not 1 <= number <= largest:
                raise ValueError(f"{place}: the {key} must be in 1..{largest}, got {number}")


NTU60_NAMES = Edition("ntu60", setup=17, camera=3, subject=40, take=2, action=60)
NTU120_NAMES = Edition("ntu120", setup=32, camera=3, subject=106, take=2, action=120)


def is_missing(clip: ClipName) -> bool:
    """Whether its authors list the clip as one with missing or incomplete skeletons."""
    return clip.name in _read_missing()


@cache
def _read_missing() -> frozenset[str]:
    return frozenset(read_names("ntu_rgbd_missing.txt"))

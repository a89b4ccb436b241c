"""The errors that a user meets.

    SkelTuneError
    ├── SpecError         a file or an override says something that is not allowed
    ├── DivergedError     training produced a value that is not finite
    └── StorageError      what must be remembered cannot be written

Whatever else is raised is a `ValueError` of a component (its message states the rule) or a defect.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class SkelTuneError(Exception):
    """Shown to the user without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a document: where (dotted path), with which value, and what is allowed."""

    path: str
    value: object
    message: str

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.path}: {self.message}"
        return f"{self.path} = {self.value!r}: {self.message}"


class SpecError(SkelTuneError):
    """Every problem of one document at once."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{source}: {len(problems)} problem{'s' * (len(problems) != 1)}\n{lines}")


class DivergedError(SkelTuneError):
    """A loss, weight or score became NaN or infinite; the message names the first such tensor."""


class StorageError(SkelTuneError):
    """A file that must be written cannot be; whatever was written before it is whole."""

    def __init__(self, path: Path | str, error: OSError) -> None:
        why = error.strerror or str(error)
        super().__init__(
            f"{path} cannot be written: {why}; make room or allow it, then run the same command: "
            "it carries on"
        )

"""The errors that a user meets.

    SkelTuneError
    ├── SpecError         a file or an override says something that is not allowed
    ├── DivergedError     training produced a value that is not finite
    └── StorageError      where something is kept cannot be reached, read or written

Whatever else is raised is a `ValueError` of a component (its message states the rule) or a defect.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

_REMEDIES = {
    errno.ENOSPC: "free some space, then run the same command again",
    errno.EDQUOT: "free some space or raise the quota, then run the same command again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EACCES: "name a place that may be written with --storage or SKELTUNE_STORAGE",
    errno.EROFS: "name a place that may be written with --storage or SKELTUNE_STORAGE",
}
_ELSEWHERE = "see that it is there, and that the environment's credentials may write to it"


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
    """Names the place, what failed and a remedy, in one line."""

    def __init__(self, where: object, doing: str, reason: str, remedy: str = _ELSEWHERE) -> None:
        super().__init__(f"{where}: cannot {doing}: {' '.join(reason.split())}; {remedy}")

    @classmethod
    def of(cls, where: object, doing: str, error: OSError) -> StorageError:
        """What the operating system says of a file of this machine."""
        remedy = _REMEDIES.get(error.errno or 0, "see that the folder is there and whole")
        return cls(where, doing, error.strerror or str(error), remedy)

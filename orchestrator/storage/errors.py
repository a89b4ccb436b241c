"""What can be wrong with where studies are kept.

StorageError          it cannot be reached, read or written
StudyBusyError        another driver runs this study
└── LeaseLostError    another driver has taken over from this one
"""

from __future__ import annotations

import errno

from orchestrator.engine.errors import SkelTuneError

_REMEDIES = {
    errno.ENOSPC: "free some space, then run the same command again",
    errno.EDQUOT: "free some space or raise the quota, then run the same command again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EACCES: "name a place that may be written with --storage or SKELTUNE_STORAGE",
    errno.EROFS: "name a place that may be written with --storage or SKELTUNE_STORAGE",
}
_ELSEWHERE = "see that it is there, and that the environment's credentials may write to it"


class StorageError(SkelTuneError):
    """Names the place, what failed and a remedy, in one line."""

    def __init__(self, where: object, doing: str, reason: str, remedy: str = _ELSEWHERE) -> None:
        super().__init__(f"{where}: cannot {doing}: {' '.join(reason.split())}; {remedy}")

    @classmethod
    def of(cls, where: object, doing: str, error: OSError) -> StorageError:
        """What the operating system says of a file of this machine."""
        remedy = _REMEDIES.get(error.errno or 0, "see that the folder is there and whole")
        return cls(where, doing, error.strerror or str(error), remedy)


class StudyBusyError(SkelTuneError):
    """Another driver runs this study."""


class LeaseLostError(StudyBusyError):
    """Another driver has taken over: this one writes nothing any more."""

"""Who may not drive a study.

StudyBusyError        another driver runs it
└── LeaseLostError    another driver has taken over from this one
"""

from __future__ import annotations

from orchestrator.engine.errors import SkelTuneError


class StudyBusyError(SkelTuneError):
    """Another driver runs this study."""


class LeaseLostError(StudyBusyError):
    """Another driver has taken over: this one writes nothing any more."""

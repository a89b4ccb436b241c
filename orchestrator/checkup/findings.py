"""What was looked at, what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from orchestrator.engine.documents import Raw
from orchestrator.reports.table import Table


class Verdict(StrEnum):
    """How a check went."""

    FINE = "ok"
    """As it should be."""
    DOUBTFUL = "look"
    """Studies run, with less room or certainty than they could have."""
    BROKEN = "FAIL"
    """A study would fail or not start."""


@dataclass(frozen=True)
class Finding:
    """One line of the table; whatever is not fine says what to do."""

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""

    @classmethod
    def judged(
        cls, what: str, found: str, remedy: str, *, fine: bool, usable: bool = False
    ) -> Finding:
        """`usable`: not as it should be, but studies run."""
        if fine:
            return cls(what, Verdict.FINE, found)
        return cls(what, Verdict.DOUBTFUL if usable else Verdict.BROKEN, found, remedy)


def findings_table(findings: Iterable[Finding]) -> Table:
    rows = tuple((f.what, f.verdict.value, f.found, f.remedy) for f in findings)
    return Table("Checks", ("what", "", "found", "what to do"), rows)


def findings_document(findings: Iterable[Finding]) -> list[Raw]:
    """For programs."""
    return [asdict(finding) for finding in findings]


def has_failed(findings: Iterable[Finding]) -> bool:
    return any(finding.verdict is Verdict.BROKEN for finding in findings)


def clock_finding(what: str, ahead: float) -> Finding:
    """`ahead`: seconds by which that clock is before ours."""
    found = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine"
    remedy = "let both follow a time server (chrony, systemd-timesyncd)"
    return Finding.judged(what, found, remedy, fine=abs(ahead) <= 2, usable=abs(ahead) <= 300)

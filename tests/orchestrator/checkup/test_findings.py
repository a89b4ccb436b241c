from __future__ import annotations

import pytest

from orchestrator.checkup.findings import (
    Finding,
    Verdict,
    clock_finding,
    findings_table,
    has_failed,
)


@pytest.mark.parametrize(
    ("ahead", "verdict", "told"),
    [
        (0.4, Verdict.FINE, "0.4 s ahead"),
        (-30.0, Verdict.DOUBTFUL, "30.0 s behind"),
        (3600.0, Verdict.BROKEN, "3600.0 s ahead"),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_off(ahead: float, verdict: Verdict, told: str):
    finding = clock_finding("clock", ahead)

    assert finding.verdict is verdict
    assert told in finding.found
    assert (finding.remedy == "") is (verdict is Verdict.FINE)


def test_only_what_is_broken_fails():
    doubtful = Finding("disk", Verdict.DOUBTFUL, "1 GiB", "free some")
    broken = Finding("Ray", Verdict.BROKEN, "silent", "start it")

    assert not has_failed([doubtful])
    assert has_failed([doubtful, broken])
    assert findings_table([broken]).rows == (("Ray", "FAIL", "silent", "start it"),)

from __future__ import annotations

import pytest

from orchestrator.promotion.rollback import reigns
from orchestrator.tracking.registry import Move


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ("", ""),
        ("1", "1"),
        ("123", "123"),
        ("1232", "12"),  # one rollback: the next leads to 1, not back to 3
        ("12321", "1"),
        ("12324", "124"),
    ],
)
def test_a_rollback_takes_away_what_came_after(moves, expected):
    found = reigns(Move(version, "", "", "") for version in moves)

    assert "".join(found) == expected

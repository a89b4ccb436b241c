"""The watchdog, without starting Ray."""

from __future__ import annotations

import pytest

from orchestrator.cluster import tuning
from orchestrator.cluster.nodes import NoResourcesError
from orchestrator.cluster.tuning import Watchdog
from orchestrator.spec import Resources


def test_the_watchdog_barks_when_nothing_runs_and_nothing_can(monkeypatch: pytest.MonkeyPatch):
    def no_room(needed: Resources) -> None:
        raise NoResourcesError("no node has that")

    monkeypatch.setattr(tuning, "require_room", no_room)
    watchdog = Watchdog(Resources(), patience=0)

    watchdog.look(is_running=True)

    with pytest.raises(NoResourcesError):
        watchdog.look(is_running=False)


def test_the_watchdog_waits_as_long_as_a_node_could_hold_a_trial(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(tuning, "require_room", asked.append)
    watchdog = Watchdog(Resources(), patience=0)

    watchdog.look(is_running=False)

    assert asked == [Resources()]

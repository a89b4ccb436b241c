"""Drivers that die between any two events, or while they write one.

A study that is carried on sees its results arrive in the order in which an undisturbed one would
have seen them; then all that it decides is the same: what is suggested, what is stopped, who copies
whom, how many seeds a race takes. Where workers come back in another order, asynchronous halving
may stop others: there the same told results are what makes the same next decision.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestrator.home import Home
from orchestrator.records import State
from tests.chaos.conftest import STUDIES
from tests.chaos.simulated import Fuse, Killed, Simulation

EVERY_STUDY = pytest.mark.parametrize("name", STUDIES)
ANY_CRASHES = settings(
    deadline=None,
    max_examples=5,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def undisturbed(simulation_of: Callable[[str], Simulation], name: str) -> Simulation:
    simulation = simulation_of(name)
    simulation.run()
    return simulation


def assert_nothing_lost_nothing_twice(simulation: Simulation) -> None:
    events = simulation.events
    epochs = Counter((e["trial"], e["metrics"]["epoch"]) for e in events if e["event"] == "epoch")
    ends = Counter(
        e["trial"] for e in events if e["event"] == "ended" and State(e["state"]).is_final
    )
    assert set(epochs.values()) == {1}
    assert max(ends.values()) == 1
    assert all(record.state.is_final for record in simulation.records)
    assert set(simulation.disk.trained.values()) == {1}


def assert_carried_on(undisturbed: Simulation, home: Home, beginning: bytes) -> None:
    again = undisturbed.at(home)
    again.cut_to(beginning)
    again.run()

    assert again.decisions == undisturbed.decisions, f"after {len(beginning)} bytes"
    assert_nothing_lost_nothing_twice(again)


@EVERY_STUDY
def test_a_log_that_ends_after_any_event_is_carried_on_to_the_same_decisions(
    undisturbed: Simulation, tmp_path: Path
) -> None:
    lines = undisturbed.folder.log.read_bytes().splitlines(keepends=True)

    for number in range(len(lines)):
        home = Home(tmp_path / f"cut{number}")
        assert_carried_on(undisturbed, home, b"".join(lines[:number]))


@EVERY_STUDY
def test_a_log_that_ends_in_the_middle_of_a_line_is_carried_on_to_the_same_decisions(
    undisturbed: Simulation, tmp_path: Path
) -> None:
    events = undisturbed.folder.log.read_bytes()

    for place in range(len(events) // 16, len(events), len(events) // 8):
        assert_carried_on(undisturbed, Home(tmp_path / f"cut{place}"), events[:place])


class Crash(NamedTuple):
    """After so many steps; of the last line these bytes are lost; workers died before."""

    steps: int
    error: type[BaseException]
    torn: int
    workers: frozenset[int]


crashes = st.lists(
    st.builds(
        Crash,
        steps=st.integers(0, 30),
        error=st.sampled_from([Killed, KeyboardInterrupt]),
        torn=st.integers(0, 400),
        workers=st.frozensets(st.integers(0, 30), max_size=3),
    ),
    max_size=5,
)


def disturb(simulation: Simulation, crashes: list[Crash], order: int = 0) -> None:
    """One driver after the other, then one that comes to the end."""
    for number, crash in enumerate(crashes):
        fuse = Fuse(crash.steps, crash.error, crash.workers)
        simulation.run_until(fuse, order and order + number)
        simulation.tear(crash.torn if crash.error is Killed else 0)
    simulation.run(order=order)


@pytest.mark.slow
@EVERY_STUDY
@given(crashes=crashes)
@ANY_CRASHES
def test_crash_upon_crash_changes_no_decision(
    undisturbed: Simulation, crashes: list[Crash]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        again = undisturbed.at(Home(Path(folder)))
        disturb(again, crashes)

        assert again.decisions == undisturbed.decisions
        assert_nothing_lost_nothing_twice(again)


@pytest.mark.slow
@EVERY_STUDY
@given(crashes=crashes, order=st.integers(1, 5))
@ANY_CRASHES
def test_in_whatever_order_workers_come_back_every_trial_ends_once(
    undisturbed: Simulation, crashes: list[Crash], order: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        again = undisturbed.at(Home(Path(folder)))
        disturb(again, crashes, order)

        assert_nothing_lost_nothing_twice(again)

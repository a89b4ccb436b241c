"""The scheduler after a restart, and the watchdog: without starting Ray."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler

from orchestrator import tuning
from orchestrator.asha import ResumableASHA
from orchestrator.cluster import NoResourcesError
from orchestrator.records import Role, TrialPlan, TrialRecord
from orchestrator.search_spec import ASHAScheduler
from orchestrator.spec import Objective, Resources
from orchestrator.tuning import Watchdog

VALUES = {"a": [10, 20, 30, 40], "b": [50, 60, 70, 80], "c": [30, 5, 5, 5], "d": [90, 90, 90, 90]}


def plan(name: str) -> TrialPlan:
    return TrialPlan(name, name, Role.SEARCH, name, 0, {}, {}, "")


def asha(plans: dict[str, TrialPlan]) -> ResumableASHA:
    spec = ASHAScheduler(name="asha", grace_epochs=1, reduction_factor=2)
    return ResumableASHA(Objective(metric="val/top1"), spec, plans)


def tell(scheduler: ResumableASHA, ray_id: str, epoch: int, value: float) -> str:
    result = {"training_iteration": epoch + 1, "val/top1": value}
    return scheduler.on_trial_result(None, SimpleNamespace(trial_id=ray_id), result)


def known(name: str, epochs: int) -> TrialRecord:
    epochs_told = [{"epoch": e, "val/top1": VALUES[name][e]} for e in range(epochs)]
    return TrialRecord(plan(name), epochs=epochs_told)


def test_a_trial_is_not_judged_again_at_epochs_that_it_tells_a_second_time():
    scheduler = asha({"new": plan("a")})
    scheduler.replay([known("a", 3), known("b", 4), known("d", 4)])
    scheduler.on_trial_add(None, SimpleNamespace(trial_id="new"))

    decisions = [tell(scheduler, "new", epoch, VALUES["a"][epoch]) for epoch in range(3)]

    assert decisions == [TrialScheduler.CONTINUE] * 3


def test_decisions_after_a_restart_are_those_of_an_undisturbed_run():
    order = [(name, epoch) for epoch in range(4) for name in VALUES]
    plans = {name: plan(name) for name in VALUES}
    whole, restarted = asha(plans), asha({f"new {name}": plan(name) for name in VALUES})
    for name in VALUES:
        whole.on_trial_add(None, SimpleNamespace(trial_id=name))
    undisturbed = [tell(whole, name, epoch, VALUES[name][epoch]) for name, epoch in order]
    restarted.replay([known(name, 2) for name in VALUES])
    for name in VALUES:
        restarted.on_trial_add(None, SimpleNamespace(trial_id=f"new {name}"))

    decisions = [tell(restarted, f"new {n}", epoch, VALUES[n][epoch]) for n, epoch in order]

    later = [number for number, (_, epoch) in enumerate(order) if epoch >= 2]
    assert [decisions[n] for n in later] == [undisturbed[n] for n in later]
    assert TrialScheduler.STOP in undisturbed


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

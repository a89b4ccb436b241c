"""Schedulers after a restart, without starting Ray."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from ray.tune.schedulers import TrialScheduler

from orchestrator.cluster.schedulers import ResumableScheduler, scheduler_of
from orchestrator.interruption import Stop
from orchestrator.records import TrialPlan, TrialRecord
from orchestrator.search.scheduler_spec import Scheduler
from tests.orchestrator.made_up import LOSS, TOP1, make_plan

SPECS = [
    {"name": "asha", "grace_epochs": 1, "reduction_factor": 2},
    {"name": "hyperband", "grace_epochs": 1, "reduction_factor": 2, "brackets": 2},
    {"name": "median", "grace_epochs": 2, "min_trials": 2},
]
EVERY_SCHEDULER = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec["name"])
EPOCHS = 6
Event = tuple[str, int, float]


def scheduler(
    spec, plans: dict[str, TrialPlan], records: list[TrialRecord] = (), objective=TOP1
) -> ResumableScheduler:
    parsed = TypeAdapter(Scheduler).validate_python(spec)
    return scheduler_of(parsed, objective, plans, records, Stop())


def tell(scheduler: ResumableScheduler, ray_id: str, epoch: int, value: float) -> str:
    metrics = {"val/top1": value, "val/loss": value}
    result = {"training_iteration": epoch + 1, "metrics": [metrics]}
    return scheduler.on_trial_result(None, SimpleNamespace(trial_id=ray_id), result)


def decisions(scheduler: ResumableScheduler, events: list[Event], prefix: str = "") -> list[str]:
    return [tell(scheduler, f"{prefix}{name}", epoch, value) for name, epoch, value in events]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Epochs of up to six trials in any order that keeps those of one trial in theirs."""
    names = draw(st.lists(st.sampled_from("abcdef"), max_size=6 * EPOCHS))
    values = st.integers(0, 100).map(float)
    epochs = [names[:place].count(name) for place, name in enumerate(names)]
    return [(n, e, draw(values)) for n, e in zip(names, epochs, strict=True) if e < EPOCHS]


def records_of(events: list[Event]) -> list[TrialRecord]:
    records = {name: TrialRecord(make_plan(name)) for name, _, _ in events}
    for name, epoch, value in events:
        records[name].epochs.append({"epoch": epoch, "val/top1": value})
    return [records[name] for name in sorted(records)]


@EVERY_SCHEDULER
@given(events=histories(), data=st.data())
@settings(deadline=None, max_examples=60)
def test_decisions_after_a_restart_are_those_of_an_undisturbed_run(spec, events, data):
    cut = data.draw(st.integers(0, len(events)))
    plans = {name: make_plan(name) for name in "abcdef"}
    undisturbed = decisions(scheduler(spec, plans), events)

    plans = {f"new {name}": plan for name, plan in plans.items()}
    restarted = scheduler(spec, plans, records_of(events[:cut]))

    assert decisions(restarted, events[cut:], "new ") == undisturbed[cut:]


@EVERY_SCHEDULER
@given(events=histories())
@settings(deadline=None, max_examples=60)
def test_epochs_that_are_told_a_second_time_are_not_judged_again(spec, events):
    plans = {name: make_plan(name) for name in "abcdef"}
    restarted = scheduler(spec, plans, records_of(events))

    again = decisions(restarted, events)

    assert set(again) <= {TrialScheduler.CONTINUE}


@EVERY_SCHEDULER
def test_a_trial_that_is_far_behind_is_stopped_and_the_best_is_not(spec):
    plans = {name: make_plan(name) for name in "abcdefgh"}
    judge = scheduler(spec, plans)

    told = [
        (name, epoch, 10.0 * rank) for rank, name in enumerate("hgfedcba") for epoch in (0, 1, 2)
    ]
    best_first = list(reversed([told[n : n + 3] for n in range(0, len(told), 3)]))
    outcomes = {trial[0][0]: decisions(judge, trial) for trial in best_first}

    assert TrialScheduler.STOP in outcomes["h"]
    assert TrialScheduler.STOP not in outcomes["a"]


def test_where_less_is_better_the_larger_is_stopped():
    judge = scheduler(SPECS[0], {"a": make_plan("a"), "b": make_plan("b")}, objective=LOSS)

    outcomes = [tell(judge, "a", 0, 1.0), tell(judge, "b", 0, 2.0)]

    assert outcomes == [TrialScheduler.CONTINUE, TrialScheduler.STOP]


def test_without_a_scheduler_trials_end_by_themselves():
    judge = scheduler({"name": "none"}, {"a": make_plan("a"), "b": make_plan("b")})

    outcomes = [tell(judge, "a", 0, 9.0), tell(judge, "b", 0, 1.0)]

    assert outcomes == [TrialScheduler.CONTINUE] * 2


def test_what_the_rule_has_stopped_is_known_and_what_the_user_stops_is_not():
    judge = scheduler(SPECS[0], {"a": make_plan("a"), "b": make_plan("b")})
    decisions(judge, [("a", 0, 9.0), ("b", 0, 1.0)])

    judge._stop.ask()

    assert tell(judge, "a", 1, 9.0) == TrialScheduler.STOP
    assert (judge.has_pruned("a"), judge.has_pruned("b")) == (False, True)


def test_the_last_epoch_of_all_is_part_of_what_the_rule_remembers():
    judge = scheduler(SPECS[0], {"a": make_plan("a"), "b": make_plan("b")})
    last = {"training_iteration": 1, "metrics": [{"val/top1": 9.0}]}

    judge.on_trial_complete(None, SimpleNamespace(trial_id="a"), last)

    assert tell(judge, "b", 0, 1.0) == TrialScheduler.STOP


def test_when_a_stop_is_wanted_nothing_that_waits_is_started():
    judge, stopped = scheduler(SPECS[0], {}), []
    controller = SimpleNamespace(stop_trial=lambda trial: stopped.append(trial.trial_id))
    for name in "ab":
        judge.on_trial_add(controller, SimpleNamespace(trial_id=name, status="PENDING"))
    first = judge.choose_trial_to_run(controller).trial_id

    judge._stop.ask()

    assert first == "a"
    assert judge.choose_trial_to_run(controller) is None
    assert stopped == ["a", "b"]

"""The watchdog, and what a worker dies of, without starting Ray."""

from __future__ import annotations

import pytest
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayActorError
from ray.tune.experiment import Trial

from orchestrator.causes import Cause
from orchestrator.cluster import tuning
from orchestrator.cluster.deaths import cause_of_death, deaths_by_trial
from orchestrator.cluster.nodes import NoResourcesError
from orchestrator.cluster.tuning import Watchdog, roomiest_node
from orchestrator.spec import Resources


def test_the_watchdog_barks_when_something_waits_for_room_that_there_is_not(
    monkeypatch: pytest.MonkeyPatch,
):
    def no_room(needed: Resources) -> None:
        raise NoResourcesError("no node has that")

    monkeypatch.setattr(tuning, "require_room", no_room)
    watchdog = Watchdog(patience=0)

    watchdog.look(None)

    with pytest.raises(NoResourcesError):
        watchdog.look(Resources())


def test_the_watchdog_waits_as_long_as_a_node_could_hold_a_trial(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(tuning, "require_room", asked.append)
    watchdog = Watchdog(patience=0)

    watchdog.look(Resources(gpu=0.5))

    assert asked == [Resources(gpu=0.5)]


def test_the_roomiest_node_is_one_that_could_hold_the_trial(monkeypatch: pytest.MonkeyPatch):
    nodes = [
        {"Alive": True, "Resources": {"CPU": 8, "GPU": 1}},
        {"Alive": True, "Resources": {"CPU": 64}},
        {"Alive": False, "Resources": {"CPU": 128, "GPU": 8}},
    ]
    monkeypatch.setattr(tuning.ray, "nodes", lambda: nodes)

    assert roomiest_node(Resources(cpu=2, gpu=0.5)) == Resources(cpu=8, gpu=0.5)
    assert roomiest_node(Resources(cpu=2)) == Resources(cpu=64)


@pytest.mark.parametrize(
    ("death", "cause"),
    [
        (RayActorError(error_msg="worker exit type: SYSTEM_ERROR"), Cause.CRASHED),
        (RayActorError(error_msg="the node was drained", preempted=True), Cause.PREEMPTED),
        (RayActorError(error_msg="died because its node has died"), Cause.LOST_NODE),
        (RayActorError(error_msg="its owner has died. Owner's node has crashed."), Cause.LOST_NODE),
        (ActorUnavailableError("rpc failed", None), Cause.LOST_NODE),
        (OutOfMemoryError("the node is running low on memory"), Cause.OUT_OF_HOST_MEMORY),
    ],
    ids=lambda value: value.value if isinstance(value, Cause) else "",
)
def test_a_death_has_a_cause(death, cause):
    assert cause_of_death(death) is cause


def test_a_death_that_ray_tune_does_not_expect_is_one_like_others(monkeypatch: pytest.MonkeyPatch):
    told = []
    monkeypatch.setattr(
        RayActorManager, "_actor_task_failed", lambda manager, task, error: told.append(error)
    )

    with deaths_by_trial():
        expected, unexpected = RayActorError(error_msg="gone"), OutOfMemoryError("full")
        for error in (expected, unexpected):
            RayActorManager._actor_task_failed(None, tracked_actor_task=None, exception=error)

    assert told[0] is expected
    assert isinstance(told[1], RayActorError)
    assert cause_of_death(told[1]) is Cause.OUT_OF_HOST_MEMORY


def test_what_a_trial_died_of_is_kept_while_it_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Trial, "local_path", None)
    trial = Trial("__fake", stub=True)
    with deaths_by_trial() as deaths:
        trial.handle_error(RayActorError(error_msg="gone"))

    trial.handle_error(RayActorError(error_msg="later"))

    assert str(deaths[trial.trial_id]) == "gone"

"""Trainings by several workers: what is told of them, and what survives when one is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from ray.exceptions import RayActorError
from ray.train import WorkerGroupError

from data.store import open_store
from orchestrator.causes import Cause, Loss
from orchestrator.cluster import final
from orchestrator.cluster.attempts import Job
from orchestrator.cluster.final import Desk, lost_a_peer, require_room_for, run_finals
from orchestrator.cluster.nodes import Cluster, NoResourcesError, cluster
from orchestrator.engine.files import TrialFiles, load_state
from orchestrator.interruption import Stop
from orchestrator.planning.trials import plan_of
from orchestrator.records import Role, State, TrialPlan
from orchestrator.search.scheduler_spec import NoScheduler
from orchestrator.spec import Limits, Resources
from tests.engine.trials import make_config, train
from tests.orchestrator.made_up import TOP1


@dataclass
class Heard:
    """A listener that keeps what it is told, and does something at an epoch."""

    at_epoch: Callable[[int], None] = lambda epoch: None
    epochs: list[int] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    ends: list[State] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)

    def started(self, plan: TrialPlan) -> None: ...

    def epoch(self, plan: TrialPlan, metrics: dict[str, float], is_pruned: bool) -> None:
        epoch = int(metrics["epoch"])
        if epoch not in self.epochs:
            self.epochs.append(epoch)
            self.at_epoch(epoch)

    def lost(self, plan: TrialPlan, cause: Cause, detail: str, node: str | None) -> Sequence[Loss]:
        self.losses.append(Loss(cause, len(self.epochs)))
        return self.losses

    def ended(self, plan, state, result, error, cause) -> None:
        self.ends.append(state)
        self.errors.append(error)

    def stopping(self, seconds: float) -> None: ...

    def tick(self) -> None: ...


@dataclass
class Plans:
    """A source of these plans."""

    plans: list[TrialPlan]
    is_waiting = False
    total = 1

    @property
    def num_left(self) -> int:
        return len(self.plans)

    def next(self) -> TrialPlan | None:
        return self.plans.pop(0) if self.plans else None


def make_job(root: Path, data_root: Path) -> Job:
    return Job(
        objective=TOP1,
        resources=Resources(),
        scheduler=NoScheduler(name="none"),
        retries=2,
        limits=Limits(),
        stop_after_same_errors=None,
        max_concurrent=None,
        trials=root / "trials",
        scratch=root / "ray",
        data_root=data_root,
        device="cpu",
    )


def final_plan(data_root: Path, **changes: object) -> TrialPlan:
    content = {"select_on": "none", "batch_size": 8, "optimizer.lr": 1e-3, "epochs": 4, **changes}
    config = make_config(content | {"workers": {"num": 2}})
    return plan_of(config, open_store("synthetic", data_root), "final", Role.FINAL)


def run(plan: TrialPlan, heard: Heard, job: Job, stop: Stop | None = None) -> None:
    with cluster(Cluster(num_cpus=2), job.resources):
        run_finals(Plans([plan]), heard, job, [], stop or Stop())


def workers_of_ours() -> list[int]:
    """Process ids of Ray Train's workers below this process."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = (int(stat[1]), (entry / "cmdline").read_text())
        except OSError:
            continue

    def is_ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid][0]))

    return sorted(
        pid for pid, (_, line) in parents.items() if "TrainWorker" in line and is_ours(pid)
    )


@pytest.mark.slow
def test_a_training_that_loses_a_worker_ends_as_an_undisturbed_one(data_root: Path, tmp_path: Path):
    def kill_one(epoch: int) -> None:
        if epoch == 1:
            os.kill(workers_of_ours()[-1], signal.SIGKILL)

    plan, heard = final_plan(data_root), Heard(kill_one)
    job = make_job(tmp_path, data_root)
    run(plan, heard, job)

    assert heard.epochs == [0, 1, 2, 3]
    assert [loss.cause for loss in heard.losses] == [Cause.CRASHED]
    assert heard.ends == [State.COMPLETE]
    train(make_config(undistributed(plan)), tmp_path / "alone", data_root)
    assert_alike(job.trials / plan.id, tmp_path / "alone")


def undistributed(plan: TrialPlan) -> dict[str, object]:
    return {**plan.config, "workers": None}


def assert_alike(first: Path, second: Path) -> None:
    ours, theirs = (load_state(TrialFiles(folder).last) for folder in (first, second))
    for name, weights in theirs["model"].items():
        torch.testing.assert_close(ours["model"][name], weights, rtol=0.02, atol=0.02)
    losses = [[epoch["train/loss"] for epoch in state["history"]] for state in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_desk_hands_over_what_it_was_told_once_and_keeps_the_first_error():
    desk = Desk()
    desk.tell({"epoch": 0.0})
    desk.fail(Cause.DIVERGED, "first")
    desk.fail(Cause.USER_ERROR, "second")

    news, later = desk.news(), desk.news()

    assert news.epochs == [{"epoch": 0.0}]
    assert (news.cause, news.error) == (Cause.DIVERGED, "first")
    assert later.epochs == []


def test_the_desk_tells_workers_when_no_further_epoch_is_wanted():
    desk = Desk()
    before = desk.tell({"epoch": 0.0})

    desk.stop()

    assert (before, desk.tell({"epoch": 1.0})) == (True, False)


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer"), True),
        (torch.distributed.DistNetworkError("timed out"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
    ],
)
def test_a_worker_that_lost_another_one_has_no_error_of_its_own(error, is_lost):
    assert lost_a_peer(error) is is_lost


def test_of_several_errors_the_death_of_a_worker_counts():
    death = RayActorError(error_msg="killed")
    group = WorkerGroupError("", {0: RuntimeError("Connection closed by peer"), 1: death})

    assert final._death(group) is death


def test_workers_need_room_on_all_nodes_together(monkeypatch: pytest.MonkeyPatch):
    offers = [{"CPU": 4, "GPU": 2}, {"CPU": 4, "GPU": 1}, {"CPU": 64}]
    nodes = [{"Alive": True, "Resources": offer} for offer in offers]
    monkeypatch.setattr(final.ray, "nodes", lambda: nodes)

    require_room_for(3, Resources(cpu=2, gpu=1))

    with pytest.raises(NoResourcesError, match=r"4 workers ask for .* room for 3"):
        require_room_for(4, Resources(cpu=2, gpu=1))

"""Trainings by several workers: what is told of them, and what survives when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ray.exceptions import RayActorError
from ray.train import WorkerGroupError

from orchestrator.causes import Cause
from orchestrator.cluster import final
from orchestrator.cluster.final import lost_a_peer, require_room_for
from orchestrator.cluster.nodes import NoResourcesError
from orchestrator.engine.files import TrialFiles, load_state
from orchestrator.records import State, TrialPlan
from orchestrator.spec import Resources
from tests.engine.trials import make_config, train
from tests.orchestrator.cluster.finals import Heard, final_plan, make_job, run


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
    run(plan, heard, make_job(tmp_path, data_root))

    assert heard.epochs == [0, 1, 2, 3]
    assert [loss.cause for loss in heard.losses] == [Cause.CRASHED]
    assert heard.ends == [State.COMPLETE]
    assert_as_alone(plan, tmp_path, data_root)


@pytest.mark.slow
def test_a_training_whose_driver_was_killed_is_carried_on_by_the_next(
    data_root: Path, tmp_path: Path
):
    command = [sys.executable, "-m", "tests.orchestrator.cluster.finals"]
    driver = subprocess.Popen(
        [*command, str(tmp_path), str(data_root)], stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    assert "epoch 1\n" in driver.stdout
    driver.kill()
    driver.wait()

    plan, heard = final_plan(data_root), Heard()
    begun = load_state(TrialFiles(tmp_path / "trials" / plan.id).last)["history"]
    run(plan, heard, make_job(tmp_path, data_root))

    assert len(begun) >= 2
    assert heard.epochs == [0, 1, 2, 3]
    assert heard.ends == [State.COMPLETE]
    ended = load_state(TrialFiles(tmp_path / "trials" / plan.id).last)["history"]
    assert ended[:2] == begun[:2]
    assert_as_alone(plan, tmp_path, data_root)


def assert_as_alone(plan: TrialPlan, root: Path, data_root: Path) -> None:
    """One process ends with the same, but for rounding."""
    train(make_config({**plan.config, "workers": None}), root / "alone", data_root)
    folders = root / "trials" / plan.id, root / "alone"
    ours, theirs = (load_state(TrialFiles(folder).last) for folder in folders)
    for name, weights in theirs["model"].items():
        torch.testing.assert_close(ours["model"][name], weights, rtol=0.02, atol=0.02)
    losses = [[epoch["train/loss"] for epoch in state["history"]] for state in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


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

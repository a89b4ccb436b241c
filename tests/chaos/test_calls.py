"""Drivers that die before or after any of their calls to MLflow: no run twice, none left open."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from orchestrator.home import Home
from tests.chaos.conftest import SMALL_EPOCHS
from tests.chaos.simulated import Simulation
from tests.end_to_end.conftest import empty_mlflow

pytestmark = pytest.mark.slow

__all__ = ["empty_mlflow"]
STRIDE = 5
"""Not every one of these moments, which takes a minute: each run begins with another."""
CALLS = [name for name in vars(MlflowClient) if not name.startswith("_")]


class Countdown:
    """Ends the process at a moment: twice a call, before it is made and when it has been taken."""

    def __init__(self, moments: int) -> None:
        self._left = moments
        self._depth = 0

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if self._depth:
                return call(*arguments, **options)
            self._depth += 1
            try:
                self._tick()
                answer = call(*arguments, **options)
                self._tick()
            finally:
                self._depth -= 1
            return answer

        return counted

    def _tick(self) -> None:
        if self._left == 0:
            os._exit(9)
        self._left -= 1


def drive(simulation: Simulation, moments: int) -> bool:
    """In a process of its own; whether it came to the end of the study."""
    child = os.fork()
    if child == 0:
        countdown = Countdown(moments)
        for name in CALLS:
            if callable(call := getattr(MlflowClient, name)):
                setattr(MlflowClient, name, countdown.wrap(call))
        simulation.run_tracked()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in {0, 9}
    return os.waitstatus_to_exitcode(status) == 0


def assert_each_trial_has_one_whole_run(simulation: Simulation) -> None:
    client = MlflowClient(simulation.home.embedded_uri)
    experiment = client.get_experiment_by_name(simulation.study.spec.study)
    runs = client.search_runs([experiment.experiment_id])
    trials = {
        run.data.tags["skeltune.trial"]: run for run in runs if run.data.tags["role"] == "cell"
    }
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == len(trials) + 1
    assert trials.keys() == {record.plan.id for record in simulation.records}
    for run in trials.values():
        steps = client.get_metric_history(run.info.run_id, "train/loss")
        assert Counter(m.step for m in steps) == dict.fromkeys(range(SMALL_EPOCHS), 1)
        assert run.data.params["model.name"] == "mdrgcn"


def test_whenever_the_driver_dies_the_next_one_makes_every_run_whole(
    simulation_of: Callable[[str], Simulation], tmp_path: Path, empty_mlflow: Path
) -> None:
    first, moment, is_over = simulation_of("small"), 1, False

    while not is_over:
        killed = first.at(Home(tmp_path / f"moment{moment}"))
        killed.home.root.mkdir()
        shutil.copy(empty_mlflow, killed.home.root)
        is_over = drive(killed, moment)
        drive(killed, 10_000)

        assert_each_trial_has_one_whole_run(killed)
        moment += STRIDE
    assert moment > 10 * STRIDE

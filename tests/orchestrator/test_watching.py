"""A study that is being run, seen through its log alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.home import Home
from orchestrator.planning.trials import Planner
from orchestrator.records import Role
from orchestrator.spec import Study, load_study
from orchestrator.stored import remember
from orchestrator.watching import WatchedStudy, progress_lines

TRIAL = {
    "model": {"name": "mdrgcn", "width": 4},
    "data": {"name": "synthetic"},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "epochs": 2,
    "batch_size": 4,
}
SEARCH = {
    "study": "watched",
    "trial": "small",
    "objective": {"metric": "val/top1"},
    "resources": {"gpu": 0.5},
    "search": {"trials": 10, "space": {"optimizer.lr": {"float": [0.01, 1.0]}}},
}


class Told:
    """A driver's log, written here line by line."""

    def __init__(self, root: Path, trials: int = 10) -> None:
        self.home = Home(root / "home")
        for name, document in {"trials/small": TRIAL, "studies/watched": SEARCH}.items():
            path = root / f"{name}.yaml"
            path.parent.mkdir()
            path.write_text(yaml.safe_dump(document))
        self.study: Study = load_study(root / "studies/watched.yaml")
        self.folder = self.home.study("watched")
        self.folder.root.mkdir(parents=True)
        remember(self.study, self.folder, {})
        self._planner = Planner(self.study, self.home.data, may_stand_in=True)
        self._plans = iter(self._planned(trials))

    def _planned(self, trials: int) -> Iterator[Any]:
        for number in range(trials):
            params = {"optimizer.lr": 0.01 + 0.9 * number / trials}
            yield self._planner.plan(f"trial {number}", Role.SEARCH, "", params)

    def plan(self, at: float) -> str:
        plan = next(self._plans)
        self.event("planned", plan.id, at, plan=asdict(plan))
        return str(plan.id)

    def event(self, kind: str, trial: str, at: float, **content: Any) -> None:
        event = {"event": kind, "trial": trial, "time": at, **content}
        with self.folder.log.open("a") as log:
            log.write(json.dumps(event) + "\n")

    def epoch(self, trial: str, at: float, number: int) -> None:
        self.event("epoch", trial, at, metrics={"epoch": number, "val/top1": 50.0})

    def end(self, trial: str, at: float, state: str, **content: Any) -> None:
        self.event("ended", trial, at, state=state, result=None, error=None, **content)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_a_study_is_counted_with_the_trials_that_are_still_to_be_proposed(told: Told):
    done, running = told.plan(0), told.plan(0)
    told.event("started", done, 1)
    told.end(done, 1800, "complete")
    told.event("started", running, 2)
    told.epoch(running, 900, 0)

    progress = WatchedStudy(told.home, "watched").progress(1800)

    assert progress.states == {"waiting": 8, "running": 1, "complete": 1}
    assert progress.running == {"trial 1": "1/2"}
    assert (progress.trials_per_hour, progress.epochs_per_hour) == (2.0, 2.0)
    assert progress.seconds_left == 9 / 2 * 3600


def test_failures_are_told_by_cause_and_by_state_where_a_log_knows_none(told: Told):
    for cause in ({"cause": "out_of_memory"}, {"cause": "out_of_memory"}, {}):
        trial = told.plan(0)
        told.event("started", trial, 0)
        told.end(trial, 1, "failed", **cause)

    progress = WatchedStudy(told.home, "watched").progress(10)

    assert progress.failures == ["2 out of memory: trial 0, trial 1", "1 failed: trial 2"]
    assert "  1 failed: trial 2" in progress_lines(progress, 10)


def test_gpus_in_use_are_summed_over_what_runs_on_a_node(told: Told):
    for node in ("one", "one", "two"):
        told.event("started", trial := told.plan(0), 0)
        told.event("placed", trial, 0, node=node, gpus=0.5)
    told.event("started", gone := told.plan(0), 0)
    told.event("placed", gone, 0, node="two", gpus=1.0)
    told.end(gone, 1, "pruned")

    progress = WatchedStudy(told.home, "watched").progress(10)

    assert progress.gpus_in_use == {"one": 1.0, "two": 0.5}


def test_rates_are_those_of_the_last_hour(told: Told):
    for at in (10.0, 7000.0, 7100.0):
        trial = told.plan(0)
        told.event("started", trial, 1)
        told.epoch(trial, at, 0)
        told.end(trial, at, "complete")

    progress = WatchedStudy(told.home, "watched").progress(7200)

    assert (progress.trials_per_hour, progress.epochs_per_hour) == (2.0, 2.0)


def test_a_line_that_is_being_written_is_read_when_it_is_whole(told: Told):
    watched, trial = WatchedStudy(told.home, "watched"), told.plan(0)
    line = json.dumps({"event": "started", "trial": trial, "time": 1.0}) + "\n"
    with told.folder.log.open("a") as log:
        log.write(line[:20])
        log.flush()
        before = watched.progress(2)
        log.write(line[20:])

    after = watched.progress(3)

    assert "running" not in before.states
    assert after.states["running"] == 1


def test_a_thousand_trials_are_looked_at_again_in_less_than_a_second(tmp_path: Path):
    told = Told(tmp_path, trials=1000)
    for number in range(1000):
        trial = told.plan(number)
        told.event("started", trial, number)
        told.end(trial, number + 1, "complete")
    watched = WatchedStudy(told.home, "watched")
    watched.progress(1000)
    told.event("reopened", trial, 1001)

    begin = time.perf_counter()
    progress = watched.progress(1002)

    assert time.perf_counter() - begin < 1
    assert progress.states["complete"] == 999

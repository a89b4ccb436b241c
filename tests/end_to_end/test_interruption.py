"""Drivers that die or are told to stop: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Bench

pytestmark = pytest.mark.slow


@pytest.fixture
def long_bench(bench: Bench) -> Bench:
    """Four trials of 25 epochs: long enough to be hit in the middle."""
    bench.write_trial(epochs=25)
    return bench


def ended_trials(bench: Bench) -> set[str]:
    return {event["trial"] for event in bench.events() if event["event"] == "ended"}


def test_after_kill_9_of_the_driver_the_same_command_finishes_the_study(bench: Bench) -> None:
    bench.write_trial(epochs=12)
    study = bench.root / "studies/tiny.yaml"
    process = bench.start("run", study, "--num-cpus", 1)
    bench.wait_for(process, lambda: bench.count("ended") >= 1 and bench.count("epoch") >= 15)
    bench.interrupt(process, signal.SIGKILL)
    finished, epochs_before = ended_trials(bench), bench.count("epoch")

    bench.skeltune("run", study)

    runs = bench.trial_runs()
    assert len(runs) == 4
    assert {run.info.status for run in bench.runs()} == {"FINISHED"}
    starts = Counter(e["trial"] for e in bench.events() if e["event"] == "started")
    assert all(starts[trial] == 1 for trial in finished)
    assert bench.count("epoch") == 4 * 12
    assert 15 <= epochs_before < 48
    for run in runs:
        history = bench.client.get_metric_history(run.info.run_id, "train/loss")
        assert sorted(metric.step for metric in history) == list(range(12))


def trainers_of(driver: int) -> list[int]:
    """The processes under a driver that train."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stat, pid = (folder / "stat").read_text(), int(folder.name)
            parents[pid] = int(stat.rpartition(")")[2].split()[1])
            commands[pid] = (folder / "cmdline").read_bytes()
    below = {driver}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return [pid for pid in below if commands.get(pid, b"").startswith(b"ray::ResourceTrainable")]


def test_a_trial_whose_worker_is_killed_comes_back_from_its_checkpoint(bench: Bench) -> None:
    bench.write_trial(epochs=12)
    process = bench.start("run", bench.root / "studies/tiny.yaml", "--num-cpus", 1)
    bench.wait_for(process, lambda: bench.count("epoch") >= 4)

    for worker in trainers_of(process.pid):
        os.kill(worker, signal.SIGKILL)
    out, _ = process.communicate(timeout=480)

    assert process.returncode == 0, out
    (loss,) = [event for event in bench.events() if event["event"] == "lost"]
    assert loss["cause"] == "crashed"
    starts = Counter(e["trial"] for e in bench.events() if e["event"] == "started")
    assert {trial for trial, count in starts.items() if count == 2} == {loss["trial"]}
    assert bench.count("epoch") == 4 * 12
    assert {run.info.status for run in bench.runs()} == {"FINISHED"}


def test_a_resumed_trial_ends_as_an_undisturbed_one_does(bench: Bench) -> None:
    bench.write_trial(epochs=12)
    study = bench.root / "studies/tiny.yaml"
    process = bench.start("run", study, "--num-cpus", 1)
    bench.wait_for(process, lambda: bench.count("epoch") >= 6)
    bench.interrupt(process, signal.SIGKILL)
    bench.skeltune("run", study)
    whole = bench.write_study(study="undisturbed")

    bench.skeltune("run", whole)

    def losses(name: str) -> dict[tuple[str, str], float]:
        tags = [(run.data.tags, run.data.metrics["train/loss"]) for run in bench.trial_runs(name)]
        return {(tag["variant"], tag["seed"]): loss for tag, loss in tags}

    assert losses("tiny") == losses("undisturbed")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_study_is_marked_as_interrupted_and_carries_on(
    long_bench: Bench, stop: signal.Signals
) -> None:
    bench, study = long_bench, long_bench.root / "studies/tiny.yaml"
    process = bench.start("run", study, "--num-cpus", 1)
    bench.wait_for(process, lambda: bench.count("epoch") >= 5)

    code = bench.interrupt(process, stop)

    assert code == 130
    statuses = Counter(run.info.status for run in bench.trial_runs())
    assert statuses == {"KILLED": 1}
    bench.skeltune("run", study)
    assert {run.info.status for run in bench.runs()} == {"FINISHED"}
    assert len(bench.trial_runs()) == 4
    assert bench.count("epoch") == 4 * 25


def test_a_second_driver_of_a_study_is_refused(long_bench: Bench) -> None:
    bench, study = long_bench, long_bench.root / "studies/tiny.yaml"
    process = bench.start("run", study)
    bench.wait_for(process, lambda: bench.count("started") >= 1)

    told = bench.skeltune("run", study, code=2)

    assert f"is being run by process {process.pid}" in told

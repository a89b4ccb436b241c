"""A study on a cluster where things die by a seeded schedule, and what is left of it."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from mlflow import MlflowClient

from data import DATASETS
from data.preparation import prepare
from orchestrator.records import State, StudyLog, TrialRecord
from tests.chaos.machines import Nodes, Tracking
from tests.end_to_end.conftest import Bench
from tests.engine.trials import untimed

EPOCHS = 12
EPOCHS_BETWEEN_FAULTS = (2, 5)
SECONDS_WITHOUT_TRACKING = 4.0
LONGEST = 900.0


@dataclass
class Figures:
    """What was done to a study, and what it came to."""

    faults: Counter[str] = field(default_factory=Counter)
    drivers: int = 0
    trials: int = 0
    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.faults + other.faults,
            self.drivers + other.drivers,
            self.trials + other.trials,
            self.duplicates + other.duplicates,
            self.losses + other.losses,
        )

    def __str__(self) -> str:
        faults = ", ".join(f"{number} {kind}" for kind, number in sorted(self.faults.items()))
        lines = [
            f"faults      {self.faults.total()} ({faults})",
            f"drivers     {self.drivers}",
            f"trials      {self.trials}",
            f"duplicates  {len(self.duplicates)}",
            f"losses      {len(self.losses)}",
        ]
        return "\n".join([*lines, *self.duplicates, *self.losses])


def bench_at(root: Path) -> Bench:
    """A home with the tiny data set, and trials long enough to be hit in the middle."""
    bench = Bench(root)
    bench.home.mkdir()
    options = {"num_takes": 2, "num_classes": 4, "num_frames": 16}
    prepare(DATASETS["synthetic"], None, bench.home / "data", **options)
    bench.write_trial(epochs=EPOCHS)
    return bench


def run_undisturbed(bench: Bench, study: str) -> None:
    """On a Ray and an MLflow of its own."""
    file, uri = bench.write_study(study=study), f"sqlite:///{bench.root / 'undisturbed.db'}"
    bench.skeltune("run", file, "--tracking-uri", uri, "--num-cpus", 2)


@dataclass
class Mayhem:
    """One study after another on the same machines."""

    bench: Bench
    nodes: Nodes
    tracking: Tracking

    def run(self, study: str, kinds: list[str], draw: Random) -> Figures:
        """One fault after the other, as soon as the study has come some epochs further."""
        file, figures = self.bench.write_study(study=study), Figures()
        left, limit = list(kinds), time.monotonic() + LONGEST
        driver, pause = None, draw.randint(*EPOCHS_BETWEEN_FAULTS)
        while True:
            assert time.monotonic() < limit, "the study does not come to its end"
            if driver is None or driver.poll() not in {None, 0}:
                driver = self._driver(file)
                figures.drivers += 1
            if driver.poll() == 0:
                return figures
            if left and self.bench.count("epoch", study) >= pause:
                done = self._inject(left[0], driver.kill, draw)
                if done:
                    figures.faults[left.pop(0)] += 1
                    pause = self.bench.count("epoch", study) + draw.randint(*EPOCHS_BETWEEN_FAULTS)
            time.sleep(0.2)

    def _driver(self, file: Path) -> Any:
        options = ["--address", self.nodes.address, "--tracking-uri", self.tracking.uri]
        return self.bench.start("run", file, *options)

    def _inject(self, kind: str, kill_driver: Callable[[], None], draw: Random) -> bool:
        """Whether there was something to kill."""
        match kind:
            case "driver":
                kill_driver()
            case "worker":
                return self.nodes.kill_worker(draw)
            case "raylet":
                return self.nodes.kill_raylet(draw)
            case "head":
                kill_driver()
                self.nodes.kill_all()
                self.nodes.start()
            case "mlflow":
                self.tracking.kill()
                time.sleep(SECONDS_WITHOUT_TRACKING)
                self.tracking.start()
        return True

    def compare(self, figures: Figures, study: str, undisturbed: str) -> Figures:
        """Fill in what is there twice and what is not there."""
        found, wanted = self._records(study), self._records(undisturbed)
        figures.trials = len(found)
        figures.losses += [f"no trial {trial}" for trial in wanted.keys() - found.keys()]
        figures.duplicates += [f"trial {trial}" for trial in found.keys() - wanted.keys()]
        for trial in found.keys() & wanted.keys():
            if _figures(found[trial]) != _figures(wanted[trial]):
                figures.losses.append(f"{trial} came to something else")
        self._compare_events(figures, study)
        self._compare_runs(figures, study, found)
        return figures

    def _records(self, study: str) -> dict[str, TrialRecord]:
        return StudyLog(self.bench.home / "studies" / study / "events.jsonl").records

    def _compare_events(self, figures: Figures, study: str) -> None:
        told = Counter(
            (event["trial"], event["event"], event.get("metrics", {}).get("epoch"))
            for event in self.bench.events(study)
            if event["event"] in {"epoch", "ended"} and event.get("state") != State.INTERRUPTED
        )
        figures.duplicates += [f"event {key}" for key, number in told.items() if number > 1]

    def _compare_runs(self, figures: Figures, study: str, found: dict[str, TrialRecord]) -> None:
        client = MlflowClient(self.tracking.uri)
        experiment = client.get_experiment_by_name(study)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
        figures.losses += [
            f"run {run.info.run_id} is {run.info.status}"
            for run in runs
            if run.info.status != "FINISHED"
        ]
        by_trial = Counter(run.data.tags.get("skeltune.trial", "the study") for run in runs)
        figures.duplicates += [f"run of {t}" for t, number in by_trial.items() if number > 1]
        figures.losses += [f"no run of {t}" for t in {*found, "the study"} - by_trial.keys()]
        for run in runs:
            if "skeltune.trial" in run.data.tags:
                _compare_run(figures, client, run.info.run_id)


def _compare_run(figures: Figures, client: MlflowClient, run: str) -> None:
    history = Counter(metric.step for metric in client.get_metric_history(run, "train/loss"))
    figures.duplicates += [f"step {s} of {run}" for s, number in history.items() if number > 1]
    figures.losses += [f"no step {s} of {run}" for s in set(range(EPOCHS)) - history.keys()]
    wanted = {"config.yaml", "best.pt", "predictions.npz", "result.json", "confusion_matrix.png"}
    files = {file.path for file in client.list_artifacts(run)}
    figures.losses += [f"no {name} of {run}" for name in wanted - files]


def _figures(record: TrialRecord) -> str:
    """What a trial came to: on the CPU the same to the bit, however often it went on."""
    best = untimed((record.result or {}).get("best", {}))
    epochs = [untimed(epoch) for epoch in record.epochs]
    return json.dumps([record.state, epochs, best], sort_keys=True)


@contextmanager
def mayhem_on(bench: Bench) -> Iterator[Mayhem]:
    """Machines that end with the block."""
    tracking, nodes = Tracking(bench.root), Nodes(bench.root)
    before = {key: os.environ.get(key) for key in nodes.environment}
    os.environ.update(nodes.environment)
    try:
        yield Mayhem(bench, nodes, tracking)
    finally:
        bench.end_all()
        nodes.kill_all()
        tracking.kill()
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)

"""What orchestration costs: a study of short trials against the same trials in a plain loop.

Run:  python -m tests.benchmarks.bench_orchestration [--trials 20] [--rounds 3]

Both sides train the same configurations, one at a time, on one core; the study adds Ray, the event
log and MLflow on SQLite. Prints seconds a trial of both and their ratio, in alternated rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch
import yaml
from rich.console import Console

from data import DATASETS
from data.preparation import prepare
from orchestrator.cluster.nodes import Cluster
from orchestrator.engine.config import resolve_trial
from orchestrator.engine.trial import run_trial
from orchestrator.home import Home
from orchestrator.spec import Study, load_study
from orchestrator.study import Services, run_study
from orchestrator.view import View

TRIAL = {
    "model": {"name": "mdrgcn", "width": 4, "cvsta_ratio": 2},
    "data": {"name": "synthetic", "clip_len": 16},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "epochs": 3,
    "batch_size": 16,
}


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        prepare(DATASETS["synthetic"], None, home.data, num_takes=2)
        for number in range(arguments.rounds):
            study = _study(home.root, f"round_{number}", arguments.trials)
            rounds.append((_plain_loop(study, home, arguments.trials), *_study_run(study, home)))
    _print(rounds, arguments.trials)


def _study(root: Path, name: str, trials: int) -> Study:
    document = {
        "study": name,
        "trial": "../trials/t.yaml",
        "objective": {"metric": "val/top1"},
        "max_concurrent": 1,
        "ablation": {"variants": {"slower": {"optimizer.lr": 0.01}}, "seeds": trials // 2},
    }
    for path, content in (("trials/t.yaml", TRIAL), (f"studies/{name}.yaml", document)):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(yaml.safe_dump(content))
    return load_study(root / f"studies/{name}.yaml")


def _plain_loop(study: Study, home: Home, trials: int) -> float:
    """Seconds a trial of `run_trial` called in a loop in this process."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(trials):
            changes = {"seed": seed // 2, "optimizer.lr": (0.05, 0.01)[seed % 2]}
            config = resolve_trial(study.trial_document, changes, "benchmark")
            run_trial(config, Path(folder) / str(seed), data_root=home.data, device="cpu")
    return (time.perf_counter() - started) / trials


def _study_run(study: Study, home: Home) -> tuple[float, float]:
    """Seconds of the whole `run`, and seconds a trial once the worker is warm."""
    view = View(Console(file=open(os.devnull, "w")), study.spec.objective)  # noqa: SIM115
    services = Services(home, home.tracking_uri(), view, Cluster(num_cpus=1))
    started = time.perf_counter()
    outcome = run_study(study, services)
    whole = time.perf_counter() - started
    log = home.study(study.spec.study).log.read_text().splitlines()
    ends = [e["time"] for e in map(json.loads, log) if e["event"] == "ended"]
    assert len(ends) == len(outcome.records)
    return whole, (ends[-1] - ends[0]) / (len(ends) - 1)


def _print(rounds: list[tuple[float, float, float]], trials: int) -> None:
    plain, whole, warm = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{trials} trials, medians of {len(rounds)} rounds")
    print(f"plain loop                {plain:7.3f} s a trial")
    print(f"study, warm worker        {warm:7.3f} s a trial   ratio {warm / plain:.2f}")
    print(
        f"study, start-up included  {whole / trials:7.3f} s a trial   "
        f"ratio {whole / trials / plain:.2f}"
    )
    print(f"start-up of the study     {whole - warm * trials:7.2f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()

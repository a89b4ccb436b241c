"""What tracking a thousand trials costs the driver, against Ray's own callback and against none.

Run:  python -m tests.benchmarks.bench_load [--trials 1000 --reports 20 --concurrent 50]

Simulated trials through the real Ray Tune, searcher and MLflow server on loopback, in processes of
their own, one after the other: a plain `tune.Tuner` that tracks nothing, the same with the stock
`MLflowLoggerCallback`, and a study of ours with its event log. All have random search, no
scheduler, warm workers and none of Ray's own files. Prints, side by side,

* the seconds from the first report to the last, and until MLflow has everything;
* processor seconds of the driver a report, all its threads;
* growth of the driver's resident memory a finished trial, from a quarter of the trials on;
* requests to MLflow a report.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
import requests
import yaml
from optuna.samplers import RandomSampler
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.search.optuna import OptunaSearch
from rich.console import Console

from data import DATASETS
from data.preparation import prepare
from orchestrator.cluster.nodes import Cluster, cluster
from orchestrator.cluster.tuning import run_trials
from orchestrator.home import Home
from orchestrator.interruption import Stop
from orchestrator.planning.trials import Planner
from orchestrator.recorder import Recorder
from orchestrator.records import Role
from orchestrator.session import NO_SCHEDULER, Services, open_session
from orchestrator.sources import SearchSource, open_search
from orchestrator.spec import Resources, Study, load_study
from orchestrator.view import View
from tests.benchmarks.simulated import Plain, Simulated
from tests.orchestrator.tracking.servers import mlflow_server

SIDES = ("no tracking", "stock callback", "skeltune")
SPACE = {
    "optimizer.lr": {"float": [0.001, 0.3], "log": True},
    "optimizer.weight_decay": {"float": [1e-5, 1e-2], "log": True},
    "model.cvsta_ratio": {"choice": [2, 4, 8]},
}


@dataclass(frozen=True)
class Load:
    trials: int
    reports: int
    concurrent: int
    epoch_ms: int


@dataclass(frozen=True)
class Figures:
    """Of one side."""

    seconds: float
    cpu_seconds: float
    kilobytes: float
    requests: int


def main() -> None:
    arguments = _arguments()
    load = Load(arguments.trials, arguments.reports, arguments.concurrent, arguments.epoch_ms)
    if arguments.side:
        print(json.dumps(asdict(run_side(arguments.side, load, arguments.uri))))
        return
    print(f"load average before: {os.getloadavg()[0]:.1f}", flush=True)
    _print(load, {side: in_a_process(side, load) for side in SIDES})


def in_a_process(side: str, load: Load) -> Figures:
    """With a fresh MLflow server, where the side has use for one."""
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/mlflow.db"
        tracks = side != SIDES[0]
        server = mlflow_server(database, Path(folder, "artifacts")) if tracks else nullcontext("")
        with server as uri:
            asked = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(load).items()]
            command = [sys.executable, "-m", __spec__.name, "--side", side, "--uri", uri, *asked]
            environment = {**os.environ, "RAY_worker_niceness": "0", "OMP_NUM_THREADS": "1"}
            done = subprocess.run(
                command, env=environment, check=True, text=True, stdout=subprocess.PIPE
            )
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


class Gauge:
    """Looks at the driver while trials run and end."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._num_done = 0
        self.begun = self.cpu_before = 0.0
        self.sizes: list[float] = []
        """Kilobytes after a quarter of the trials, and after all."""

    def finish(self) -> None:
        self.seconds = time.perf_counter() - self.begun
        self.cpu_seconds = cpu_seconds() - self.cpu_before

    def reported(self) -> None:
        if not self.begun:
            self.begun, self.cpu_before = time.perf_counter(), cpu_seconds()

    def ended(self) -> None:
        self._num_done += 1
        if self._num_done in {self._load.trials // 4, self._load.trials}:
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.sizes.append(pages * resource.getpagesize() / 1024)


class GaugeCallback(tune.Callback):
    """Pickled by Ray without its content."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    def __reduce__(self) -> tuple[Any, ...]:
        return tune.Callback, ()

    def on_trial_result(self, *args: Any, **kwargs: Any) -> None:
        self._gauge.reported()

    def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
        self._gauge.ended()


def run_side(side: str, load: Load, uri: str) -> Figures:

    gauge, share = Gauge(load), Resources(cpu=0.1)
    run = {SIDES[0]: _plain, SIDES[1]: _stock, SIDES[2]: _ours}[side]
    with (
        tempfile.TemporaryDirectory() as folder,
        counted_requests() as sent,
        cluster(Cluster(num_cpus=max(1, load.concurrent // 10)), share),
    ):
        run(load, gauge, uri, Path(folder))
    grown = (gauge.sizes[1] - gauge.sizes[0]) / (load.trials - load.trials // 4)
    return Figures(gauge.seconds, gauge.cpu_seconds, grown, sent[0])


def _plain(load: Load, gauge: Gauge, uri: str, folder: Path) -> None:
    _tune(load, [GaugeCallback(gauge)], folder)
    gauge.finish()


def _stock(load: Load, gauge: Gauge, uri: str, folder: Path) -> None:

    stock = MLflowLoggerCallback(uri, experiment_name="load")
    _tune(load, [GaugeCallback(gauge), stock], folder)
    gauge.finish()


def _tune(load: Load, callbacks: list[tune.Callback], folder: Path) -> None:
    """Far fewer parameters than ours have, which is to the stock callback's advantage."""

    space = {
        "lr": tune.loguniform(0.001, 0.3),
        "weight_decay": tune.loguniform(1e-5, 1e-2),
        "cvsta_ratio": tune.choice([2, 4, 8]),
        "epochs": load.reports,
        "batch_size": load.epoch_ms,
    }
    searcher = OptunaSearch(metric="val/top1", mode="max", sampler=RandomSampler(seed=0))
    tune.Tuner(
        tune.with_resources(Plain, {"cpu": 0.1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            num_samples=load.trials,
            max_concurrent_trials=load.concurrent,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder),
            callbacks=callbacks,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    ).fit()


def _ours(load: Load, gauge: Gauge, uri: str, folder: Path) -> None:

    home = Home(folder)
    study = study_of(load, home)
    with open(os.devnull, "w") as nowhere:
        view = View(Console(file=nowhere), study.spec.objective)
        with open_session(study, Services(home, uri, view)) as session:
            planner, tracker = Planner(study, home.data), session.tracker
            proposals = open_search(planner, session.log, home)
            source = SearchSource(study.spec.search, planner, session.log, proposals)
            about = (session.folder, study.spec.objective, session.log, tracker, view)
            recorder = Gauged(*about, Role.SEARCH, load.trials, proposals)
            recorder.gauge = gauge
            job, stop = session.job(NO_SCHEDULER), Stop()
            run_trials(source, recorder, job, [], stop, trainable=Simulated)
            late = tracker.catch_up()
            assert not late, f"MLflow lacks {len(late)} trials"
            gauge.finish()


class Gauged(Recorder):
    gauge: Gauge

    def epoch(self, *args: Any, **kwargs: Any) -> None:
        super().epoch(*args, **kwargs)
        self.gauge.reported()

    def ended(self, *args: Any, **kwargs: Any) -> None:
        super().ended(*args, **kwargs)
        self.gauge.ended()


def study_of(load: Load, home: Home) -> Study:

    prepare(DATASETS["synthetic"], None, home.data, num_takes=1)
    trial = {
        "model": {"name": "mdrgcn", "width": 4, "cvsta_ratio": 2},
        "data": {"name": "synthetic", "clip_len": 16},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "epochs": load.reports,
        "batch_size": load.epoch_ms,  # what `Simulated` takes for its seconds
    }
    study = {
        "study": "load",
        "trial": "../trials/t.yaml",
        "objective": {"metric": "val/top1"},
        "resources": {"cpu": 0.1},
        "max_concurrent": load.concurrent,
        "search": {"trials": load.trials, "sampler": {"name": "random"}, "space": SPACE},
    }
    for path, content in (("files/trials/t.yaml", trial), ("files/studies/load.yaml", study)):
        (home.root / path).parent.mkdir(exist_ok=True, parents=True)
        (home.root / path).write_text(yaml.safe_dump(content))
    return load_study(home.root / "files/studies/load.yaml")


@contextmanager
def counted_requests() -> Iterator[list[int]]:
    """Every HTTP request of this process, to whatever place: none but MLflow is asked by HTTP."""
    sent, send = [0], requests.adapters.HTTPAdapter.send

    def counted(*args: Any, **kwargs: Any) -> requests.Response:
        sent[0] += 1
        return send(*args, **kwargs)

    requests.adapters.HTTPAdapter.send = counted  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _print(load: Load, sides: dict[str, Figures]) -> None:
    reports = load.trials * load.reports
    print(
        f"{load.trials} trials x {load.reports} reports, {load.concurrent} at once, an epoch takes "
        f"{load.epoch_ms} ms; ray {ray.__version__}; load average {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':16s}{'wall s':>10s}{'driver ms':>12s}{'KB a':>10s}{'requests':>10s}")
    print(f"{'':16s}{'':>10s}{'a report':>12s}{'trial':>10s}{'a report':>10s}")
    for side, found in sides.items():
        spent, sent = 1000 * found.cpu_seconds / reports, found.requests / reports
        print(
            f"{side:16s}{found.seconds:10.1f}{spent:12.2f}{found.kilobytes:10.1f}{sent:10.2f}",
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--reports", type=int, default=20)
    parser.add_argument("--concurrent", type=int, default=50)
    parser.add_argument("--epoch-ms", type=int, default=250)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--uri", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

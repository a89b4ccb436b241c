"""What is asked of a study of a thousand trials: its status, its report, and to go on with it.

Run:  python -m tests.benchmarks.bench_thousand [--trials 1000 --reports 20]

A search and an ablation of variants with ten seeds each, with made-up epochs and predictions and
their runs in MLflow. Each command is a process of its own, timed from outside; `run` finds that
nothing is left to be done, and mends what MLflow lacks.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from data import DATASETS
from data.preparation import prepare
from orchestrator.engine.documents import dump_yaml
from orchestrator.engine.files import TrialFiles, write_json, write_text
from orchestrator.home import Home
from orchestrator.planning.trials import Planner, first_cells
from orchestrator.records import Role, StudyLog, TrialPlan
from orchestrator.spec import Study, load_study
from tests.orchestrator.finished_study import RESULT, finish, scores_with

TRIAL = {
    "model": {"name": "mdrgcn", "width": 4, "cvsta_ratio": 2},
    "data": {"name": "synthetic", "clip_len": 16},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "batch_size": 16,
}


def main() -> None:
    arguments = _arguments()
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'seconds':34s}{'wall':>8s}{'cpu':>8s}")
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        prepare(DATASETS["synthetic"], None, home.data, num_takes=1)
        variants, reports = arguments.trials // 10 - 1, arguments.reports
        for study in (
            written(home, "search", reports, search=_search(arguments.trials)),
            written(home, "ablation", reports, ablation=_ablation(variants)),
        ):
            _fill(home, study, reports, arguments.trials)
            _print(home, study)


def written(home: Home, name: str, reports: int, **content: object) -> Study:
    study = {"study": name, "trial": "../trials/t.yaml", "objective": {"metric": "val/top1"}}
    documents = {"trials/t.yaml": TRIAL | {"epochs": reports}, f"studies/{name}.yaml": study}
    documents[f"studies/{name}.yaml"] |= content
    for path, document in documents.items():
        file = home.root / "files" / path
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(yaml.safe_dump(document))
    return load_study(home.root / f"files/studies/{name}.yaml")


def _search(trials: int) -> dict[str, object]:
    space = {"optimizer.lr": {"float": [0.001, 0.3], "log": True}}
    return {"trials": trials, "sampler": {"name": "random"}, "space": space}


def _ablation(variants: int) -> dict[str, object]:
    changes = {f"rate {n}": {"optimizer.lr": 0.0003 + 0.001 * n} for n in range(variants)}
    return {"variants": changes, "seeds": 10}


def _fill(home: Home, study: Study, reports: int, trials: int) -> None:
    folder, planner = home.study(study.spec.study), Planner(study, home.data)
    log = StudyLog(folder.log).open()
    for number, plan in enumerate(_plans(study, planner, log, trials)):
        log.plan(plan)
        finish(log, folder, plan, scores_with(20 + number % 17, number), reports)
        _write_files(TrialFiles(folder.trial(plan.id)), plan)
    log.use_data(planner.digests)
    log.close()


def _write_files(files: TrialFiles, plan: TrialPlan) -> None:
    """What a training leaves; the picture is drawn, so that drawing is not timed."""
    write_text(files.config, dump_yaml(plan.config))
    write_json(files.result, RESULT)
    files.confusion.write_bytes(b"a picture")


def _plans(study: Study, planner: Planner, log: StudyLog, trials: int) -> Iterator[TrialPlan]:
    if study.spec.ablation is not None:
        yield from (plan for cell in first_cells(study, planner, log) for plan in cell.plans)
        return
    for number in range(trials):
        name, params = f"trial {number:03d}", {"optimizer.lr": 0.001 + 0.29 * number / trials}
        yield planner.plan(name, Role.SEARCH, name, params)


def _print(home: Home, study: Study) -> None:
    name, file = study.spec.study, home.root / f"files/studies/{study.spec.study}.yaml"
    for title, command in {
        "run, MLflow is empty": ("run", str(file)),
        "run, nothing is left": ("run", str(file)),
        "status": ("status", name),
        "report": ("report", name),
    }.items():
        wall, cpu = _seconds(home, command)
        print(f"{name:10s}{title:24s}{wall:8.1f}{cpu:8.1f}", flush=True)


def _seconds(home: Home, command: tuple[str, ...]) -> tuple[float, float]:
    """Of wall time, and of processors."""
    environment = {**os.environ, "SKELTUNE_HOME": str(home.root)}
    started, before = time.perf_counter(), _cpu_seconds()
    subprocess.run(
        [sys.executable, "-m", "orchestrator", *command],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started, _cpu_seconds() - before


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--reports", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""A home folder of its own for each test, with a tiny data set, and the command as users run it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from data import DATASETS
from data.preparation import prepare

CHECKOUT = Path(__file__).resolve().parents[2]
TRIAL = {
    "model": {"name": "mdrgcn", "width": 4, "cvsta_ratio": 2},
    "loss": {"embedding": {"name": "rdl"}},
    "data": {"name": "synthetic", "clip_len": 8},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "epochs": 3,
    "batch_size": 12,
}
ABLATION = {
    "study": "tiny",
    "trial": "small",
    "objective": {"metric": "val/top1"},
    "ablation": {"components": {"rdl": {"off": {"loss.embedding": None}}}, "seeds": 2},
}


@dataclass
class Bench:
    """A folder with study files and a home, and what happened in it."""

    root: Path
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "home"

    def write_trial(self, **changes: Any) -> Path:
        return self._write("trials/small.yaml", TRIAL | changes)

    def write_study(self, **changes: Any) -> Path:
        return self._write(f"studies/{changes.get('study', 'tiny')}.yaml", ABLATION | changes)

    def _write(self, name: str, document: dict[str, Any]) -> Path:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(document))
        return path

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """`skeltune ARGUMENTS` in a process of its own."""
        environment = os.environ | {"SKELTUNE_HOME": str(self.home), "NO_COLOR": "1"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *map(str, arguments)],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def skeltune(self, *arguments: object, code: int = 0) -> str:
        """Standard output, after checking the exit code and that no traceback was shown."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=480)
        assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return out + err

    def events(self, study: str = "tiny") -> list[dict[str, Any]]:
        path = self.home / "studies" / study / "events.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def count(self, kind: str, study: str = "tiny") -> int:
        return sum(event["event"] == kind for event in self.events(study))

    def wait_for(self, process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
        limit = time.monotonic() + 240
        while not condition():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < limit, "nothing happened for four minutes"
            time.sleep(0.05)

    def interrupt(self, process: subprocess.Popen[str], with_signal: signal.Signals) -> int:
        process.send_signal(with_signal)
        process.communicate(timeout=120)
        return process.returncode

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.home / 'mlflow.db'}")

    def runs(self, study: str = "tiny") -> list[Run]:
        """Every run of the study's experiment."""
        experiment = self.client.get_experiment_by_name(study)
        assert experiment is not None
        return list(self.client.search_runs([experiment.experiment_id], max_results=1000))

    def trial_runs(self, study: str = "tiny") -> list[Run]:
        return [run for run in self.runs(study) if run.data.tags["role"] != "study"]

    def end_all(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow makes it, which takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def bench(tmp_path: Path, empty_mlflow: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.home.mkdir()
    shutil.copy(empty_mlflow, bench.home)
    options = {"num_takes": 2, "num_classes": 4, "num_frames": 16}
    prepare(DATASETS["synthetic"], None, bench.home / "data", **options)
    bench.write_trial()
    bench.write_study()
    yield bench
    bench.end_all()

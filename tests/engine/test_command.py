"""`python -m orchestrator.engine`: exit codes, messages, and life without the orchestrator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.engine.__main__ import main
from orchestrator.engine.documents import dump_yaml
from tests.engine.trials import TRIAL

CHECKOUT = Path(__file__).resolve().parents[2]
BLOCKED = ("ray", "optuna", "mlflow", "platformdirs", "typer", "rich", "matplotlib", "pandas")
PROBE = f"""
import runpy, sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        is_hidden = name.partition(".")[0] in {BLOCKED!r}
        return None if is_hidden else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
for name in {BLOCKED!r}:
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{{name}} can be imported")
runpy.run_module("orchestrator.engine", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    path = tmp_path / "trial.yaml"
    path.write_text(dump_yaml({**TRIAL, "epochs": 1}))
    return path


@pytest.fixture
def engine(trial: Path, data_root: Path, tmp_path: Path, monkeypatch):
    """Call the command with further arguments; its exit code."""
    out = ["--out", tmp_path / "out", "--data-root", data_root]

    def call(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["engine", *map(str, [trial, *arguments, *out])])
        return main()

    return call


def test_a_training_prints_its_epochs_and_its_best_and_exits_with_0(engine, capsys):
    code = engine("epochs=2")

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert [line.partition(":")[0] for line in lines[:2]] == ["epoch 0", "epoch 1"]
    assert "val/top1" in lines[0]
    assert lines[2].startswith("best val/top1 ")


def test_bad_input_is_told_with_its_source_and_exits_with_2(engine, trial: Path, capsys):
    code = engine("model.widht=8", "epochs=0")

    told = capsys.readouterr().err
    assert code == 2
    assert told.startswith(f"{trial}: 2 problems")
    assert "model.widht = 8: unknown key; did you mean 'width'?" in told


@pytest.mark.parametrize("override", ["epochs", "epochs=[1"])
def test_a_bad_override_exits_with_2(engine, capsys, override):
    code = engine(override)

    assert code == 2
    assert "command line" in capsys.readouterr().err


def test_a_diverged_training_names_the_trial_and_exits_with_1(engine, trial: Path, capsys):
    code = engine("optimizer.lr=1e9")

    told = capsys.readouterr().err
    assert code == 1
    assert told.startswith(f"{trial}: train/loss is not finite")


def test_components_that_do_not_fit_together_are_told_and_exit_with_1(engine, capsys):
    code = engine("model.width=7")

    assert code == 1
    assert "7" in capsys.readouterr().err


def test_an_unknown_device_is_told_without_a_traceback(engine, capsys):
    code = engine("--device", "toaster")

    assert code in {1, 2}
    assert "toaster" in capsys.readouterr().err


def test_the_engine_trains_where_nothing_but_its_own_packages_is_installed(
    trial: Path, data_root: Path, tmp_path: Path
):
    arguments = [trial, "--out", tmp_path / "out", "--data-root", data_root, "--device", "cpu"]

    done = subprocess.run(
        [sys.executable, "-c", PROBE, *map(str, arguments)],
        cwd=CHECKOUT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "epoch 0: train/loss" in done.stdout
    assert (tmp_path / "out" / "result.json").exists()

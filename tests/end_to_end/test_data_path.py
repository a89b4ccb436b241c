"""From original files to the fused scores of four streams, by the commands of the README."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from data.streams import Stream
from orchestrator.cli import app
from orchestrator.home import Home
from tests.data.conftest import find_raw
from tests.data.skeleton_files import write_skeleton_file

pytestmark = pytest.mark.slow

STREAMS: tuple[Stream, ...] = ("joint", "bone", "joint_motion", "bone_motion")
NUM_CLIPS = {"nw_ucla": 1484, "utd_mhad": 861, "ntu60": 72}


def write_ntu(folder: Path) -> Path:
    """Two actions, of one person and of two, by performers of train, val and test; seen in turn by
    three cameras."""
    rng = np.random.default_rng(0)
    clips = product((1, 2, 3), (1, 2, 18, 3, 6, 7), (1, 2), (23, 58))
    for camera, subject, take, action in clips:
        time = np.linspace(0, 6, rng.integers(20, 40))[:, None, None]
        body = 0.4 * rng.normal(size=(25, 3)) + (0, 0, 3)
        moving = body + 0.1 * np.sin(time * action / 20)
        frames = [[frame, frame + 0.5] if action == 58 else [frame] for frame in moving]
        name = f"S001C{camera:03d}P{subject:03d}R{take:03d}A{action:03d}"
        write_skeleton_file(folder / f"{name}.skeleton", frames, newline="\r\n")
    return folder


def raw_files(name: str, scratch: Path) -> Path:
    return write_ntu(scratch / "ntu") if name == "ntu60" else find_raw(name)


@pytest.mark.parametrize("name", NUM_CLIPS)
def test_prepare_train_and_fuse_four_streams(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKELTUNE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    raw = raw_files(name, tmp_path)
    trial = tmp_path / "trial.yaml"
    document = {
        "model": {"name": "stgcn", "width": 4, "dropout": 0.0},
        "data": {"name": name, "clip_len": 16, "crop_min_frames": 16},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "epochs": 2,
        "batch_size": 32,
    }
    trial.write_text(yaml.safe_dump(document))

    said = answer("data", "prepare", name, "--raw", str(raw), "--workers", "2")
    info = json.loads(answer("data", "info", name, "--json"))
    for stream in STREAMS:
        answer("train", str(trial), f"data.stream={stream}")
    trials = sorted(Home.find().root.glob("single_trials/*/trials/*"))
    fused = json.loads(answer("fuse", *map(str, trials), "--search", "--json"))

    assert f"{name}: {NUM_CLIPS[name]} clips" in said
    assert info["clips"] == NUM_CLIPS[name]
    assert len(trials) == len(fused["streams"]) == 4
    assert sum(row["weight"] for row in fused["streams"]) == pytest.approx(1)
    assert fused["split"] == "test"
    assert fused["num_clips"] == next(iter(info["splits"].values()))["test"]
    chance = 100 / len(info["classes"])
    assert fused["fused"]["top1"] > chance


def answer(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output

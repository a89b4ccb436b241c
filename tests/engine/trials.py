"""A complete trial that trains in a second, on a tiny synthetic data set."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data import DATASETS
from data.preparation import prepare
from data.store import ArrayStore
from orchestrator.engine.config import TrialConfig, resolve_trial
from orchestrator.engine.state import EpochMetrics
from orchestrator.engine.trial import train_epochs

TRIAL: dict[str, Any] = {
    "model": {"name": "mdrgcn", "width": 4, "cvsta_ratio": 2},
    "loss": {"embedding": {"name": "rdl"}},
    "data": {"name": "synthetic", "clip_len": 8},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "epochs": 4,
    "batch_size": 4,
}
TIMINGS = {"epoch_seconds", "clips_per_second", "peak_memory_mb"}


def prepare_tiny(root: Path) -> ArrayStore:
    """4 classes, 2 takes: 8 clips to train on, 8 for val, 16 for test."""
    options = {"num_classes": 4, "num_subjects": 4, "num_takes": 2, "num_frames": 12}
    return prepare(DATASETS["synthetic"], None, root, **options)


def make_config(changes: Mapping[str, Any] | None = None) -> TrialConfig:
    return resolve_trial(TRIAL, changes or {}, "trial.yaml")


def train(
    config: TrialConfig, out: Path, data_root: Path, stop_after: int | None = None
) -> list[EpochMetrics]:
    """The metrics of every epoch; the generator is closed after `stop_after` of them."""
    epochs = train_epochs(config, out, data_root=data_root, device="cpu")
    seen = []
    for metrics in epochs:
        seen.append(metrics)
        if len(seen) == stop_after:
            break
    epochs.close()
    return seen


def untimed(metrics: EpochMetrics) -> EpochMetrics:
    return {key: value for key, value in metrics.items() if key not in TIMINGS}


def copy_trial(trial: Path, out: Path) -> Path:
    return Path(shutil.copytree(trial, out))

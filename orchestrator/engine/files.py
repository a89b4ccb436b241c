"""The files of one trial, and how they are written: beside, flushed to disk, renamed."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class TrialFiles:
    """Every name in a trial's folder."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def last(self) -> Path:
        """Everything needed to go on: weights, optimizers, history."""
        return self.root / "last.pt"

    @property
    def best(self) -> Path:
        """Weights of the epoch picked by the monitored figure."""
        return self.root / "best.pt"

    @property
    def predictions(self) -> Path:
        """Scores of the evaluated split at the best epoch."""
        return self.root / "predictions.npz"

    def predictions_on(self, split: str) -> Path:
        """Scores of a split that was asked for after training."""
        return self.root / f"predictions_{split}.npz"

    @property
    def result(self) -> Path:
        """Present if and only if the trial has run all its epochs."""
        return self.root / "result.json"

    @property
    def confusion(self) -> Path:
        return self.root / "confusion_matrix.png"

    @property
    def artifacts(self) -> list[Path]:
        """What is worth keeping with the run, as far as it exists."""
        kept = [self.config, self.best, self.predictions, self.result, self.confusion]
        return [path for path in kept if path.exists()]


def write_bytes(path: Path, content: bytes) -> None:
    """Write atomically: a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, document: Any) -> None:
    write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Tensors and plain values only, so that `load_state` can refuse everything else."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def save_predictions(
    path: Path,
    clips: list[str],
    labels: NDArray[np.int64],
    scores: NDArray[np.float32],
    heads: Mapping[str, NDArray[np.float32]],
    about: Mapping[str, str],
) -> None:
    """Clip names (n,), labels (n,), scores (n, classes), those of each head as `scores_HEAD`.

    `about` says of what: the data's digest, the protocol, the split; each a text of its own.
    """
    arrays: dict[str, Any] = {"clips": np.array(clips), "labels": labels, "scores": scores}
    arrays |= {f"scores_{name}": logits for name, logits in heads.items()}
    arrays |= {key: np.array(text) for key, text in about.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def load_predictions(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}

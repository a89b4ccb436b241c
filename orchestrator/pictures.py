"""Pictures of a trial."""

from __future__ import annotations

import io
import json

import numpy as np
from matplotlib.figure import Figure

from orchestrator.engine.files import TrialFiles, load_predictions, write_bytes


def draw_confusion(files: TrialFiles) -> None:
    """The confusion matrix of the saved predictions: rows true, columns predicted, in percent."""
    saved = load_predictions(files.predictions)
    classes = list(json.loads(files.result.read_text())["per_class"])
    predicted = saved["scores"].argmax(axis=1)
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (saved["labels"], predicted), 1)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    buffer = io.BytesIO()
    _heat_map(shares, classes).savefig(buffer, format="png", dpi=110)
    write_bytes(files.confusion, buffer.getvalue())


def _heat_map(shares: np.ndarray, classes: list[str]) -> Figure:
    size = 3.5 + 0.28 * len(classes)
    figure = Figure(figsize=(size, size * 0.9), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=100, cmap="Blues")
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=90)
    axes.set_yticks(ticks, classes)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.8)
    if len(classes) <= 30:
        for row, column in zip(*np.nonzero(shares >= 0.5), strict=True):
            share = shares[row, column]
            colour = "white" if share > 55 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, size=7)
    return figure

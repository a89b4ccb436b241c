"""Which classes are taken for which others: of one trial, or over the seeds of a variant.

Shapes: S seeds, K classes; rows true, columns predicted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from orchestrator.ablation.results import CellResult, VariantResult
from orchestrator.ablation.scores import fused_scores
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles, load_predictions, write_bytes
from orchestrator.pictures.canvas import BLUE, GREY, canvas, house_style, png_of, text_colour
from orchestrator.reports.picture import Picture

Floats = NDArray[np.float64]

_MOST_PAIRS = 15
_MOST_NUMBERED = 30
"""Classes up to which the shares stand in the cells."""


@dataclass(frozen=True, eq=False)
class Confusions:
    """How many clips of each class were taken for each, `counts` (S, K, K)."""

    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    counts: NDArray[np.int64]

    @property
    def shares(self) -> Floats:
        """(S, K, K), percent of the true class; NaN for a class without clips."""
        totals = self.counts.sum(axis=2, keepdims=True)
        shares: Floats = 100 * self.counts / np.where(totals, totals, np.nan)
        return shares

    @property
    def per_class(self) -> Floats:
        """(S, K): top-1 accuracy of each class."""
        return np.diagonal(self.shares, axis1=1, axis2=2)

    @property
    def num_clips(self) -> int:
        return int(self.counts[0].sum())


class Pair(NamedTuple):
    """How often one class is taken for another: percent of its clips, over seeds."""

    true: str
    predicted: str
    mean: float
    low: float
    high: float


def draw_confusion(files: TrialFiles) -> None:
    """The confusion matrix of the saved predictions, into the trial's folder."""
    with house_style():
        write_bytes(files.confusion, png_of(draw_shares(_of_trial(files))))


def confusion_pictures(folder: Path) -> list[Picture]:
    """Of a trial that has run all its epochs; raises `SkelTuneError` for another."""
    files = TrialFiles(folder)
    if not files.result.exists():
        raise SkelTuneError(f"{folder} has no {files.result.name}: it has not run all its epochs")
    return both_pictures(_of_trial(files), f"trial {folder.name}")


def both_pictures(confusions: Confusions, of: str) -> list[Picture]:
    """The matrix and, where anything is confused, the worst pairs."""
    pairs = pairs_picture(confusions, of)
    return [confusion_picture(confusions, of), *([pairs] if pairs else [])]


def confusions_of(row: VariantResult, trials: Path) -> Confusions | None:
    """Of the cells whose predictions are saved; None without any."""
    known = {cell.cell.seed: _cell_counts(cell, trials) for cell in row.cells if cell.score}
    counts = {seed: found for seed, found in known.items() if found is not None}
    if not counts:
        return None
    classes = next(_classes(cell) for cell in row.cells if cell.score)
    return Confusions(classes, tuple(counts), np.stack(list(counts.values())))


def confusion_picture(confusions: Confusions, of: str) -> Picture:
    with house_style():
        png = png_of(draw_shares(confusions))
    caption = (
        f"{of}: which share of each class (rows, percent) was predicted as which class (columns), "
        f"{_told_n(confusions)}. Shares below 0.5 are left without a number."
    )
    return Picture("confusion", f"Confusion matrix: {of}", caption, png=png)


def pairs_picture(confusions: Confusions, of: str) -> Picture | None:
    """None where nothing is confused."""
    pairs = most_confused(confusions)
    if not pairs:
        return None
    with house_style():
        png = png_of(draw_pairs(pairs))
    caption = (
        f"{of}: the {len(pairs)} pairs of classes that are confused most, as the share of the true "
        f"class's clips, {_told_n(confusions)}. Lines reach from the lowest to the highest seed."
    )
    return Picture("confused_pairs", f"Most confused classes: {of}", caption, png=png)


def most_confused(confusions: Confusions, most: int = _MOST_PAIRS) -> list[Pair]:
    shares = confusions.shares
    mean = np.nan_to_num(shares.mean(axis=0))
    np.fill_diagonal(mean, 0)
    order = np.argsort(-mean, axis=None, kind="stable")[:most]
    places = zip(*np.unravel_index(order, mean.shape), strict=True)
    classes = confusions.classes
    return [
        Pair(classes[i], classes[j], mean[i, j], shares[:, i, j].min(), shares[:, i, j].max())
        for i, j in places
        if mean[i, j] > 0
    ]


def draw_shares(confusions: Confusions) -> Figure:
    classes, shares = confusions.classes, confusions.shares.mean(axis=0)
    is_numbered = len(classes) <= _MOST_NUMBERED
    size = 2.2 + (0.26 if is_numbered else 0.13) * len(classes)
    figure, ((axes,),) = canvas(size * 1.08, size)
    image = axes.imshow(shares, vmin=0, vmax=100, cmap="Blues")
    ticks, small = range(len(classes)), {} if is_numbered else {"fontsize": 5.5}
    axes.set_xticks(ticks, classes, rotation=90, **small)
    axes.set_yticks(ticks, classes, **small)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.7)
    if is_numbered:
        for row, column in zip(*np.nonzero(np.nan_to_num(shares) >= 0.5), strict=True):
            share = shares[row, column]
            colour = text_colour(image, share)
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, size=6.5)
    return figure


def draw_pairs(pairs: list[Pair]) -> Figure:
    figure, ((axes,),) = canvas(6.0, 0.9 + 0.21 * len(pairs))
    for place, pair in enumerate(pairs):
        axes.plot([pair.low, pair.high], [place, place], color=GREY, linewidth=1.2)
        axes.plot(pair.mean, place, "o", color=BLUE, markersize=5)
    axes.set_yticks(range(len(pairs)), [f"{pair.true} → {pair.predicted}" for pair in pairs])
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("share of the true class (%)")
    return figure


def _of_trial(files: TrialFiles) -> Confusions:
    saved = load_predictions(files.predictions)
    classes = tuple(json.loads(files.result.read_text())["per_class"])
    counts = _counted(saved["labels"], saved["scores"], len(classes))
    return Confusions(classes, (0,), counts[None])


def _cell_counts(cell: CellResult, trials: Path) -> NDArray[np.int64] | None:
    records = [record for record in cell.records if record is not None]
    variant = cell.cell.variant
    weights = list(variant.streams.values()) or [1.0]
    fused = fused_scores(records, weights, trials, variant.fuse)
    return None if fused is None else _counted(fused.labels, fused.scores, fused.scores.shape[1])


def _counted(
    labels: NDArray[np.int64], scores: NDArray[Any], num_classes: int
) -> NDArray[np.int64]:
    """(K, K)"""
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (labels, scores.argmax(axis=1)), 1)
    return counts


def _classes(cell: CellResult) -> tuple[str, ...]:
    record = cell.records[0]
    assert record is not None
    assert record.result is not None
    return tuple(record.result["per_class"])


def _told_n(confusions: Confusions) -> str:
    seeds = len(confusions.seeds)
    over = f"mean over n = {seeds} seeds" if seeds > 1 else "one seed"
    return f"{over}, {confusions.num_clips} clips"

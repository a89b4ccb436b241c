"""Embeddings of clips in the plane, as t-SNE shows them (van der Maaten & Hinton, 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from orchestrator.insight import Insight
from orchestrator.pictures.canvas import PALETTE, house_style, panels, png_of, wrapped
from orchestrator.reports.picture import Picture

Floats = NDArray[Any]

PERPLEXITY = 30
_MOST_COLUMNS = 3
_SHAPES = "os^vDP"
_MOST_NAMED = len(_SHAPES) * len(PALETTE)
"""Classes up to which each has a mark of its own and its name."""


def embeddings_picture(insights: Mapping[str, Insight]) -> Picture:
    """A panel a model, all of them run over the same clips."""
    with house_style():
        png = png_of(draw_embeddings({name: project(i) for name, i in insights.items()}, insights))
    first = next(iter(insights.values()))
    caption = (
        f"t-SNE of the embeddings of {len(first.clips)} clips of {first.store.name}, split "
        f"{first.split}, one training each; colour and shape tell the class, hollow marks are "
        f"clips that are not recognised. Perplexity {PERPLEXITY}, started from the principal "
        "components; t-SNE keeps neighbours, not distances: sizes of groups and gaps between them "
        "mean nothing. The silhouette (−1 to 1, the higher, the better the classes are apart) is "
        "that of the embeddings themselves, not of the picture."
    )
    return Picture("embeddings", "Embeddings", caption, png=png)


def project(insight: Insight) -> Floats:
    """(n, 2)"""
    perplexity = min(PERPLEXITY, (len(insight.clips) - 1) / 3)
    projection = TSNE(perplexity=perplexity, init="pca", random_state=0, n_jobs=1)
    points: Floats = projection.fit_transform(insight.embeddings)
    return points


def silhouette(insight: Insight) -> float | None:
    """None where every clip is of one class, or each of its own."""
    num_classes = len(np.unique(insight.labels))
    if not 2 <= num_classes < len(insight.labels):
        return None
    return float(silhouette_score(insight.embeddings, insight.labels))


def draw_embeddings(points: Mapping[str, Floats], insights: Mapping[str, Insight]) -> Figure:
    first = next(iter(insights.values()))
    marks = marks_of(len(first.store.info.classes))
    is_named = len(marks) <= _MOST_NAMED
    columns = 2 * min(_MOST_COLUMNS, len(points))
    below = 0.2 + (0.17 * -(-len(marks) // columns) if is_named else 0)
    figure, places = panels(len(points), _MOST_COLUMNS, (3.2, 3.4), (0.2, below))
    for axes, (name, insight) in zip(places, insights.items(), strict=True):
        _draw_clips(axes, points[name], insight, marks)
        axes.set_title(f"{wrapped(name)}\n{_told(insight)}", fontsize=7.5)
    if is_named:
        handles = _legend(first, marks)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=6.5)
    return figure


def marks_of(num_classes: int) -> list[tuple[str, Any]]:
    """Shape and colour of each class; of very many, hues alone."""
    if num_classes <= _MOST_NAMED:
        return list(product(_SHAPES, PALETTE))[:num_classes]
    return [("o", colour) for colour in colormaps["turbo"](np.linspace(0, 1, num_classes))]


def _draw_clips(axes: Axes, points: Floats, insight: Insight, marks: list[tuple[str, Any]]) -> None:
    is_hit = insight.predicted == insight.labels
    for label in np.unique(insight.labels):
        shape, colour = marks[label]
        for chosen, fill in ((is_hit, colour), (~is_hit, "none")):
            x, y = points[(insight.labels == label) & chosen].T
            axes.scatter(x, y, 13, fill, marker=shape, edgecolors=[colour], linewidths=0.8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)


def _told(insight: Insight) -> str:
    top1 = 100 * (insight.predicted == insight.labels).mean()
    apart = silhouette(insight)
    told = "" if apart is None else f", silhouette {apart:.2f}"
    return f"top-1 {top1:.1f} %{told}"


def _legend(insight: Insight, marks: list[tuple[str, Any]]) -> list[Line2D]:
    present = set(insight.labels.tolist())
    return [
        Line2D([], [], marker=shape, color=colour, linestyle="none", markersize=4, label=name)
        for label, (name, (shape, colour)) in enumerate(
            zip(insight.store.info.classes, marks, strict=True)
        )
        if label in present
    ]

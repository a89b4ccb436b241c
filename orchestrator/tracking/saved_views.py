"""Views of a study that are saved with its MLflow experiment, to be chosen under `Views`.

A view is a tag of the experiment: what the UI itself writes when a user saves one (MLflow 3).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.records import Role
from orchestrator.spec import Study

TAG = "mlflow.sharedViewState."
VARIED = "_varied"
"""Parameters that differ between trials; the UI sorts parameters by name."""
_NAMES = {"attributes.`Run Name`": 290, "runDateAndNestInfo": 145, "duration": 80}


@dataclass(frozen=True)
class SavedView:
    """`id` is stable: a view that is written again takes the place of the one before."""

    id: str
    name: str
    mode: str
    state: dict[str, Any]

    @property
    def tag(self) -> tuple[str, str]:
        envelope = {"name": self.name, "createdAt": 0, "updatedAt": 0}
        return f"{TAG}{self.id}", json.dumps({**envelope, "state": json.dumps(self.state)})

    @property
    def query(self) -> str:
        """What leads to it, after the address of the experiment's runs."""
        shown = f"viewStateShareKey={self.id}&compareRunsMode={self.mode}"
        return f"{shown}&workflowType=machine_learning"


def saved_views(study: Study, varied: tuple[str, ...]) -> tuple[SavedView, ...]:
    """Tables and curves of the trials; of an ablation as means over seeds."""
    metric = study.spec.objective.metric
    if study.spec.ablation is None:
        return (
            _table(study, "trials", "Best trials first", varied, Role.SEARCH),
            _curves(metric, "curves", "Learning curves", Role.SEARCH),
        )
    means = _by("variant")
    return (
        _table(study, "means", "Means over seeds", varied, Role.CELL, **means),
        _table(study, "cells", "All cells", varied, Role.CELL),
        _curves(metric, "curves", "Learning curves, means over seeds", Role.CELL, **means),
    )


def _by(tag: str) -> dict[str, Any]:
    keys = [{"mode": "tag", "groupByData": tag}]
    return {"groupBy": {"aggregateFunction": "average", "groupByKeys": keys}}


def _table(
    study: Study, name: str, title: str, varied: tuple[str, ...], role: Role, **more: Any
) -> SavedView:
    objective = study.spec.objective
    best = f"metrics.`best/{objective.metric}`"
    widths = {
        best: 170,
        "metrics.`model/num_params`": 170,
        **{f"params.`{VARIED}/{path}`": 90 + 7 * len(path) for path in varied},
        "tags.`seed`": 70,
        "tags.`status`": 100,
    }
    order = {"orderByKey": best, "orderByAsc": objective.mode == "min"}
    columns = {"selectedColumns": list(widths), "columnWidths": _NAMES | widths}
    state = {**_only(role), **order, **columns, **more}
    return SavedView(f"skeltune-{name}", title, "TABLE", state)


def _curves(metric: str, name: str, title: str, role: Role, **more: Any) -> SavedView:
    split, _, figure = metric.partition("/")
    shown = [f"{where}/{what}" for what in (figure, "loss") for where in (split, "train")]
    section = {"uuid": "curves", "name": "Learning curves", "display": True, "isReordered": True}
    state = {
        **_only(role),
        "compareRunSections": [{**section, "columns": 2, "cardHeight": 300}],
        "compareRunCharts": [_chart(one) for one in dict.fromkeys(shown)],
        "isAccordionReordered": True,
        "runsHiddenMode": "SHOWALL",
        **more,
    }
    return SavedView(f"skeltune-{name}", title, "CHART", state)


def _only(role: Role) -> dict[str, str]:
    return {"searchFilter": f"tags.role = '{role.value}'"}


def _chart(metric: str) -> dict[str, Any]:
    names = {"uuid": metric, "metricKey": metric, "selectedMetricKeys": [metric]}
    axes = {"xAxisKey": "step", "yAxisKey": "metric", "xAxisScaleType": "linear", "range": {}}
    rest = {"scaleType": "linear", "lineSmoothness": 0, "runsCountToCompare": 10}
    place = {"metricSectionId": "curves", "deleted": False}
    return {"type": "LINE", **place, **names, **axes, **rest}


def links_to(views: tuple[SavedView, ...], experiment: str) -> Iterator[str]:
    """As Markdown, within the UI that shows it."""
    for view in views:
        yield f"[{view.name}](#/experiments/{experiment}/runs?{view.query})"

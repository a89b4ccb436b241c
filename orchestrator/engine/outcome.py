"""What is kept of a training: the best weights and what they score, and the result of it all."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from data.store import ArrayStore
from orchestrator.engine.errors import DivergedError
from orchestrator.engine.evaluate import Evaluation
from orchestrator.engine.files import TrialFiles, save_predictions, save_state, write_json
from orchestrator.engine.robustness import robust_figures
from orchestrator.engine.state import EpochMetrics, TrialState


def require_finite_figures(metrics: EpochMetrics) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            where = f" in epoch {int(metrics['epoch'])}" if "epoch" in metrics else ""
            raise DivergedError(f"{name} is {value}{where}")


def keep_if_best(
    state: TrialState,
    files: TrialFiles,
    store: ArrayStore,
    evaluation: Evaluation | None,
    metrics: EpochMetrics,
) -> None:
    """Weights and predictions of the best epoch so far."""
    if not is_best(state, metrics):
        return
    config = state.config
    state.best_epoch = int(metrics["epoch"])
    state.per_class = evaluation.per_class if evaluation else []
    if not state.team.is_first:
        return
    if evaluation is not None:
        protocol, split = config.data.protocol, config.eval_split
        save_evaluation(files.predictions, evaluation, store, protocol, split)
    save_state(files.best, {"model": state.model.state_dict(), "epoch": state.best_epoch})


def is_best(state: TrialState, metrics: EpochMetrics) -> bool:
    """The first of equals is; where nothing is evaluated, the last epoch."""
    config = state.config
    if config.select_on == "none":
        return metrics["epoch"] == config.epochs - 1
    if state.best_epoch is None:
        return True
    sign = 1 if config.mode == "max" else -1
    best = state.history[state.best_epoch][config.metric]
    return sign * metrics[config.metric] > sign * best


def save_evaluation(
    path: Path, evaluation: Evaluation, store: ArrayStore, protocol: str, split: str
) -> None:
    """The scores with the names of their clips, and of which data and split these are."""
    names = [store.names[clip] for clip in evaluation.clips]
    about = {"data_digest": store.digest, "protocol": protocol, "split": split}
    save_predictions(path, names, evaluation.labels, evaluation.scores, evaluation.heads, about)


def finish(state: TrialState, store: ArrayStore, files: TrialFiles) -> None:
    """Write the result, unless it is there: its presence says that all epochs have run."""
    is_missing = not files.result.exists()
    if state.team.largest(is_missing):
        result = result_of(state, store, files)
        if state.team.is_first and is_missing:
            write_json(files.result, result)


def result_of(state: TrialState, store: ArrayStore, files: TrialFiles) -> dict[str, Any]:
    """What is remembered of a trial that ran all its epochs."""
    assert state.best_epoch is not None
    config, best = state.config, dict(state.history[state.best_epoch])
    if config.select_on != "none":
        best |= robust_figures(state, store, files)
    require_finite_figures(best)
    classes = store.info.classes if state.per_class else ()
    return {
        "trial": config.digest(store.digest),
        "data_digest": store.digest,
        "metric": config.metric,
        "best": best,
        "last": state.history[-1],
        "per_class": dict(zip(classes, state.per_class, strict=True)),
        **state.summary,
        **_spread(state),
    }


def _spread(state: TrialState) -> dict[str, Any]:
    """How the batch and the rate followed from the number of workers, if there were several."""
    workers = state.config.workers
    if workers is None:
        return {}
    scaled = {"whole_batch": state.config.whole_batch, "lr": state.config.lr}
    return {"workers": workers.model_dump() | scaled}

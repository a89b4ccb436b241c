"""The look at a locked split: what a finished training is worth, asked for once it is settled."""

from __future__ import annotations

from pathlib import Path

import torch

from data.preparation import ensure_store
from data.store import ArrayStore
from orchestrator.engine.config import TrialConfig, load_trial
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.evaluate import evaluate
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.network import build_model, load_weights
from orchestrator.engine.outcome import require_finite_figures, save_evaluation
from orchestrator.engine.robustness import with_noise
from orchestrator.engine.state import EpochMetrics, eval_batches, pick_device
from orchestrator.engine.trial import load_result


def evaluate_final(
    folder: Path, data_root: Path, *, split: str = "test", device: str = "auto"
) -> EpochMetrics:
    """`SPLIT/top1` and so on of a trial's best weights, with `robust_noise` also on damaged clips.

    The scores are kept in the trial's folder: as its predictions, if training kept none. Who calls
    this has looked at the split, and counts the looks. Raises `SkelTuneError` for a trial that has
    not run all its epochs, was fitted on the split, or on another preparation of the data.
    """
    files = TrialFiles(folder)
    config, store = _checked(files, data_root, split)
    where = pick_device(device)
    model = build_model(config, store.info)
    load_weights(model, files.best, whole=True)
    model.to(where)
    autocast = torch.autocast(where.type, torch.bfloat16, config.precision == "bf16")
    evaluation = evaluate(model, eval_batches(config, store, where, split), autocast)
    figures = {f"{split}/{name}": value for name, value in evaluation.metrics.items()}
    if config.robust_noise is not None:
        damaged = eval_batches(with_noise(config), store, where, split)
        robust = evaluate(model, damaged, autocast).metrics
        figures |= {f"{split}/robust_{name}": value for name, value in robust.items()}
    require_finite_figures(figures)
    kept = files.predictions if config.select_on == "none" else files.predictions_on(split)
    save_evaluation(kept, evaluation, store, config.data.protocol, split)
    return figures


def _checked(files: TrialFiles, data_root: Path, split: str) -> tuple[TrialConfig, ArrayStore]:
    if not files.result.exists():
        raise SkelTuneError(f"{files.root} has not run all its epochs: train it to the end first")
    config = load_trial(files.config)
    if split in config.fit_splits:
        raise SkelTuneError(
            f"{files.root} was fitted on {' + '.join(config.fit_splits)}: "
            f"its scores of {split} say nothing"
        )
    store = ensure_store(config.data.name, data_root)
    if store.digest != (digest := load_result(files)["data_digest"]):
        raise SkelTuneError(
            f"{files.root} was trained on another preparation of {config.data.name}: "
            f"data digest {digest}, now {store.digest}"
        )
    return config, store

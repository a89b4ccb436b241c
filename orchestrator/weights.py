"""Weights that others published: taken over once, evaluated, or trained further."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from data.preparation import ensure_store
from models import MODELS
from models.published import SIZES, load_published, published_options
from orchestrator.engine.config import TrialConfig, options_document
from orchestrator.engine.documents import validated
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.evaluate import Evaluation, evaluate
from orchestrator.engine.files import save_state
from orchestrator.engine.network import build_model, load_weights
from orchestrator.engine.state import eval_batches, pick_device

_WRAPPERS = ("state_dict", "model_state_dict", "model", "weights")


def import_weights(
    name: str, file: Path, out: Path, options: Mapping[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """The published weights in `file` as a model of ours, and the options that they tell.

    The weights are written to `out`. Nothing but tensors is unpickled. Raises `SkelTuneError` for a
    file that is not a checkpoint and ValueError naming the keys that are missing, extra or of
    another shape.
    """
    _check_options(name, options)
    theirs = read_checkpoint(file)
    model = load_published(name, theirs, **options)
    save_state(out, {"model": model.state_dict()})
    return model, published_options(name, theirs)


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    """Values that a builder would stumble over; names are checked where the model is built."""
    for size in SIZES:
        value = options.get(size, 1)
        if not isinstance(value, int) or value < 1:
            raise SkelTuneError(f"{size} must be a whole number of at least 1, got {value!r}")
    if name in MODELS:
        document = options_document(f"{name}_options", MODELS[name])
        own = {key: value for key, value in options.items() if key in document.model_fields}
        validated(document, own, f"options of {name}")


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """The state dict of a PyTorch file, out of whatever it is wrapped in."""
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SkelTuneError(f"cannot read {file}: {error.strerror}") from None
    except (UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise SkelTuneError(
            f"{file} is not a checkpoint of tensors alone ({type(error).__name__}); nothing else "
            "is unpickled: save its state_dict with torch.save"
        ) from None
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    ):
        raise SkelTuneError(f"{file} holds no mapping of names to tensors")
    return {key.removeprefix("module."): value for key, value in content.items()}


def evaluate_weights(
    file: Path, config: TrialConfig, split: str, data_root: Path, device: str = "auto"
) -> Evaluation:
    """What weights are worth for the model and data of a trial, without any training."""
    where = pick_device(device)
    store = ensure_store(config.data.name, data_root)
    model = build_model(config, store.info)
    load_weights(model, file, whole=True)
    autocast = torch.autocast(where.type, torch.bfloat16, config.precision == "bf16")
    return evaluate(model.to(where), eval_batches(config, store, where, split), autocast)

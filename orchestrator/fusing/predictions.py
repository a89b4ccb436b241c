"""Files of predictions: the scores of one trial for every clip of a split."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from orchestrator.engine.config import load_trial
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles, load_predictions, save_predictions
from orchestrator.fusing.fusion import Predictions, Weights, weighted_sum

_ABOUT = ("data_digest", "protocol", "split")


def read_predictions(file: Path, source: str | None = None) -> Predictions:
    """Raises `SkelTuneError` for a file of another kind.

    `source` is what messages call it: else what the configuration beside the file says it is.
    """
    try:
        saved = load_predictions(file)
    except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
        why = error.strerror if isinstance(error, OSError) else "not an .npz file of arrays"
        raise SkelTuneError(f"{file} is not a file of predictions: {why}") from None
    if missing := sorted({"clips", "labels", "scores", *_ABOUT} - saved.keys()):
        raise SkelTuneError(
            f"{file} lacks {', '.join(missing)}: it is not a file of predictions, or of a trial "
            "of an earlier version, to be trained again"
        )
    clips, labels, scores = saved["clips"], saved["labels"], saved["scores"]
    if problem := _problem(clips, labels, scores):
        raise SkelTuneError(f"{file}: {problem}")
    about = {key: str(saved[key]) for key in _ABOUT}
    return Predictions(source or _told(file), clips, labels, scores.astype(np.float32), **about)


def _problem(clips: NDArray[Any], labels: NDArray[Any], scores: NDArray[Any]) -> str | None:
    """What is wrong with the arrays of a file of predictions."""
    if scores.dtype.kind != "f" or scores.ndim != 2 or 0 in scores.shape:
        return f"scores must be numbers (clips, classes), got {scores.dtype} {scores.shape}"
    if not np.isfinite(scores).all():
        return "scores must be finite"
    if clips.shape != (len(scores),) or labels.shape != clips.shape:
        found = f"{clips.shape}, {labels.shape}"
        return f"{len(scores)} scores need as many clips and labels, got {found}"
    if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        return f"labels must be whole numbers in 0..{scores.shape[1] - 1}"
    return None


def save_fused(file: Path, streams: list[Predictions], weights: Weights) -> None:
    """The fused scores as a file of predictions, which can be fused again."""
    first = streams[0]
    about = {key: getattr(first, key) for key in _ABOUT}
    scores = weighted_sum(streams, weights)
    save_predictions(file, first.clips.tolist(), first.labels, scores, {}, about)


def _told(file: Path) -> str:
    """Model, stream and id of a trial; of a file that lies by itself its path."""
    config = TrialFiles(file.parent).config
    if not config.exists():
        return str(file)
    trial = load_trial(config)
    return f"{trial.model.name} {trial.data.args['stream']} {file.parent.name}"

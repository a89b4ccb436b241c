"""Raw files to predictions, a lot at a time; a damaged file does not stop the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from data.dataset import Clip, DatasetInfo
from data.unlabelled import RawSkeleton, endings, list_unlabelled
from orchestrator.artefact.description import Preparation
from orchestrator.artefact.predicting import Predictor, Probabilities, checked_clip
from orchestrator.engine.errors import SkelTuneError

CLIPS_A_LOT = 512
"""Clips that are read before they are predicted."""


class Prediction(NamedTuple):
    """The probabilities (K,) of a clip."""

    name: str
    probabilities: Probabilities


class Refusal(NamedTuple):
    """A file or clip that cannot be predicted, and why."""

    name: str
    reason: str


def find_files(inputs: Sequence[Path], info: DatasetInfo, preparation: Preparation) -> list[Path]:
    """Files as they are given; of folders those that end as the model's data do, in order.

    Raises `SkelTuneError` for what is not there and for folders without such a file.
    """
    known, files = endings(info, preparation.own), []
    for given in inputs:
        found = [given] if given.is_file() else sorted(given.rglob("*"))
        wanted = [path for path in found if path == given or path.suffix in known]
        if not wanted:
            raise SkelTuneError(f"{given}: no file, and no folder of files in {', '.join(known)}")
        files += wanted
    return files


def predict_files(
    predictor: Predictor, files: Iterable[Path], options: Mapping[str, Any] | None = None
) -> Iterator[Prediction | Refusal]:
    """Every clip of the files in order, of each lot the refused ones first.

    `options` of the data set's reader go before those that the model's own data were prepared with.
    """
    info, preparation = predictor.description.info, predictor.description.preparation
    clips = _read(files, info, preparation, {**preparation.options, **(options or {})})
    while lot := list(islice(clips, CLIPS_A_LOT)):
        yield from (clip for clip in lot if isinstance(clip, Refusal))
        whole = [clip for clip in lot if isinstance(clip, Clip)]
        found = predictor.predict([clip.skeleton for clip in whole])
        yield from (Prediction(clip.name, row) for clip, row in zip(whole, found, strict=True))


def _read(
    files: Iterable[Path], info: DatasetInfo, preparation: Preparation, options: Mapping[str, Any]
) -> Iterator[Clip | Refusal]:
    for path in files:
        try:
            listed = list_unlabelled(path, info, options, preparation.own)
        except (OSError, ValueError) as error:
            yield Refusal(str(path), str(error))
            continue
        yield from (_load(raw, info) for raw in listed)


def _load(raw: RawSkeleton, info: DatasetInfo) -> Clip | Refusal:
    try:
        return checked_clip(raw.name, raw.load(), info)
    except (OSError, ValueError) as error:
        return Refusal(raw.name, str(error))

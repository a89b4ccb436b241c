"""The trials whose scores are fused: where they are, and their predictions of a split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from data.store import open_store
from orchestrator.engine.config import TrialConfig, load_trial
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.outcome import save_evaluation
from orchestrator.fusing.fusion import Fusion, Predictions
from orchestrator.fusing.predictions import read_predictions
from orchestrator.home import Home
from orchestrator.reports.table import Table
from orchestrator.weights import evaluate_weights


def find_predictions(home: Home, given: str) -> Path:
    """The predictions file of a trial: that file itself, a trial's folder, or its id.

    Raises `SkelTuneError` for what is none of these, for the beginning of several ids, and for a
    trial that has not been evaluated yet.
    """
    path = Path(given).expanduser()
    if path.is_file():
        return path
    folder = path if path.is_dir() else _folder_of(home, given)
    file = TrialFiles(folder).predictions
    if not file.exists():
        raise SkelTuneError(f"{folder} has no {file.name}: no epoch of it has been evaluated yet")
    return file


def predictions_on(split: str | None, file: Path, home: Home, device: str) -> Predictions:
    """The predictions in a trial's file if they are of the split (None: of any).

    For another split the best weights beside the file are evaluated on it, once: the scores are
    kept in the trial's folder. Raises `SkelTuneError` where this cannot be, or would tell how well
    clips are remembered that the trial was fitted on.
    """
    saved = read_predictions(file)
    if split in (None, saved.split):
        return saved
    files = TrialFiles(file.parent)
    if file != files.predictions or not files.result.exists():
        raise SkelTuneError(
            f"{file} has the scores of {saved.split}, not of {split}: name the folder of a trial "
            "that has run all its epochs, and its best weights are evaluated"
        )
    config = load_trial(files.config)
    if split in config.fit_splits:
        raise SkelTuneError(
            f"{files.root} was fitted on {' + '.join(config.fit_splits)} (select_on: "
            f"{config.select_on}): its scores of {split} say nothing; train it with select_on: val"
        )
    kept = files.predictions_on(split)
    if not kept.exists():
        _evaluate(config, files, split, home, device, saved.data_digest)
    return replace(read_predictions(kept), source=saved.source)


def fusion_table(fusion: Fusion, searched: bool) -> Table:
    rows = [
        (source, f"{weight:.3g}", *(f"{value:.2f}" for value in vars(figures).values()))
        for source, weight, figures in zip(
            fusion.sources, fusion.weights, fusion.streams, strict=True
        )
    ]
    fused = ("fused", "", *(f"{value:.2f}" for value in vars(fusion.fused).values()))
    notes = [
        f"{fusion.num_clips} clips, one clip = {100 / fusion.num_clips:.3f} points. Against the "
        f"best stream {fusion.righted} clips became right and {fusion.wronged} wrong."
    ]
    if searched:
        where = "these clips, so the fused figures flatter" if fusion.split == "val" else "val"
        notes.append(f"Weights were searched on {where}.")
    columns = ("stream", "weight", "top-1", "top-5", "mean class")
    return Table(f"Fused on {fusion.split}", columns, (*rows, fused), tuple(notes))


def _folder_of(home: Home, given: str) -> Path:
    """The folder of the trial whose id begins so; of equal trials the first that has scores."""
    folders = home.trials(given) if given.isalnum() else []
    ids = sorted({folder.name for folder in folders})
    if not ids:
        raise SkelTuneError(
            f"{given!r} is no file, no folder, and no trial's id under {home.root}; the folders "
            f"of trials are {home.shown}/STUDY/trials and {home.root}/single_trials"
        )
    if len(ids) > 1:
        raise SkelTuneError(f"{given!r} is the beginning of several trials: {', '.join(ids)}")
    scored = [folder for folder in folders if TrialFiles(folder).predictions.exists()]
    return (scored or folders)[0]


def _evaluate(
    config: TrialConfig, files: TrialFiles, split: str, home: Home, device: str, digest: str
) -> None:
    store = open_store(config.data.name, home.data)
    if store.digest != digest:
        raise SkelTuneError(
            f"{files.root} was trained on another preparation of {config.data.name}: "
            f"data digest {digest}, now {store.digest}"
        )
    evaluation = evaluate_weights(files.best, config, split, home.data, device)
    kept = files.predictions_on(split)
    save_evaluation(kept, evaluation, store, config.data.protocol, split)

"""Studies whose trials nobody trained: planned for real, with made-up epochs and predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from orchestrator.ablation.cells import Cell
from orchestrator.ablation.results import AblationResults, results_of
from orchestrator.engine.files import TrialFiles, save_predictions
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Planner, first_cells
from orchestrator.records import State, StudyLog, TrialPlan
from orchestrator.spec import Study

NUM_CLIPS, NUM_CLASSES = 40, 4
LABELS = np.arange(NUM_CLIPS) % NUM_CLASSES
CLASSES = [f"class {number}" for number in range(NUM_CLASSES)]
RESULT = {"num_params": 1000, "macs": 2_000_000, "per_class": dict.fromkeys(CLASSES, 80.0)}


def scores_with(num_right: int, order: int = 0) -> np.ndarray:
    """Scores (C, L) that have so many clips right, the first ones from `order` on."""
    right = (np.arange(NUM_CLIPS) - order) % NUM_CLIPS < num_right
    chosen = np.where(right, LABELS, (LABELS + 1) % NUM_CLASSES)
    return np.eye(NUM_CLASSES, dtype=np.float32)[chosen]


def finish(
    log: StudyLog, folder: StudyFolder, plan: TrialPlan, scores: np.ndarray, num_epochs: int = 2
) -> None:
    """The last of the epochs is the best one, and its predictions are saved."""
    top1 = 100 * float((scores.argmax(axis=1) == LABELS).mean())
    files = TrialFiles(folder.trial(plan.id))
    files.root.mkdir(parents=True, exist_ok=True)
    names = [f"clip{number}" for number in range(NUM_CLIPS)]
    about = {"data_digest": plan.data_digest, "protocol": "xsub", "split": "val"}
    save_predictions(files.predictions, names, LABELS, scores, {}, about)
    log.start(plan.id)
    for epoch in range(num_epochs):
        share = (epoch + 1) / num_epochs
        metrics = {"val/top1": top1 * share, "val/loss": 2 - share, "epoch_seconds": 1.5}
        log.epoch(plan.id, {"epoch": epoch, "train/loss": 3 - share, **metrics})
    best = {"epoch": num_epochs - 1, "val/top1": top1}
    log.end(plan.id, State.COMPLETE, {**RESULT, "best": best})


def finished(
    study: Study,
    data_root: Path,
    folder: StudyFolder,
    num_right: Callable[[Cell], int | None],
) -> AblationResults:
    """Every cell with so many clips right; a cell of None stays open."""
    planner = Planner(study, data_root)
    log = StudyLog(folder.journal()).open()
    for cell in first_cells(study, planner, log):
        number = num_right(cell)
        for plan in cell.plans:
            known = log.plan(plan)
            if number is not None and not known.state.is_final:
                finish(log, folder, plan, scores_with(number, order=cell.seed))
    log.use_data(planner.digests)
    log.settle()
    return results_of(study, log, folder)

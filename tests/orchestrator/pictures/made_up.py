"""A study that nobody ran: its log, and for every training scores drawn by chance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.ablation.results import AblationResults, results_of
from orchestrator.engine.documents import dump_yaml
from orchestrator.engine.files import TrialFiles, save_predictions
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Remembered, all_cells
from orchestrator.records import State, StudyLog, TrialPlan
from orchestrator.spec import Study, load_study
from tests.engine.trials import TRIAL

CLASSES = ("wave", "clap", "kick", "bow")
NUM_CLIPS, NUM_EPOCHS = 80, 6
SIZES = {"num_params": 54_000, "macs": 6_500_000}


def factorial_study(root: Path, **content: Any) -> Study:
    """Two components, three seeds; `content` replaces parts of the ablation."""
    ablation = {
        "components": {
            "cvsta": {"off": {"model.cvsta": False}},
            "rdl": {"off": {"loss.embedding": None}},
        },
        "design": "factorial",
        "seeds": 3,
        **content,
    }
    study = {
        "study": "tiny",
        "trial": "small",
        "objective": {"metric": "val/top1"},
        "ablation": ablation,
    }
    for name, document in {"trials/small.yaml": TRIAL, "studies/tiny.yaml": study}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dump_yaml(document))
    return load_study(root / "studies/tiny.yaml")


def made_up_results(
    study: Study,
    folder: StudyFolder,
    *,
    hits: Mapping[str, float],
    sizes: Mapping[str, Mapping[str, int]] | None = None,
    classes: tuple[str, ...] = CLASSES,
    num_clips: int = NUM_CLIPS,
    num_epochs: int = NUM_EPOCHS,
) -> AblationResults:
    """Of the variants in `hits`, each with its share of clips that are rightly recognised."""
    log = StudyLog(folder.log).open()
    labels = np.arange(num_clips) % len(classes)
    ease = np.random.default_rng(0).uniform(size=num_clips)
    for cell in all_cells(study, Remembered(study, log.data), log):
        name = cell.variant.name
        for place, plan in enumerate(cell.plans if name in hits else ()):
            rng = np.random.default_rng([cell.seed, place, sorted(hits).index(name)])
            shifted = ease + rng.normal(0, 0.15, num_clips)
            is_hit = shifted < np.quantile(shifted, hits[name] + rng.normal(0, 0.01))
            predicted = np.where(is_hit, labels, (labels + 1 + labels % 2) % len(classes))
            scores = np.eye(len(classes), dtype=np.float32)[predicted]
            result = {**SIZES, **(sizes or {}).get(name, {})}
            metric = study.spec.objective.metric
            _train(log, folder, plan, metric, num_epochs, labels, scores, classes, result)
    log.close()
    return results_of(study, log, folder)


def _train(
    log: StudyLog,
    folder: StudyFolder,
    plan: TrialPlan,
    metric: str,
    num_epochs: int,
    labels: np.ndarray,
    scores: np.ndarray,
    classes: tuple[str, ...],
    result: dict[str, Any],
) -> None:
    """The objective climbs to that of the scores, which it has after the last epoch."""
    top1 = 100.0 * float((scores.argmax(axis=1) == labels).mean())
    log.plan(plan)
    log.start(plan.id)
    for epoch in range(num_epochs):
        share = 1 - 0.6 * (1 - (epoch + 1) / num_epochs) ** 2
        log.epoch(plan.id, {"epoch": epoch, metric: top1 * share, "epoch_seconds": 1.0})
    log.end(plan.id, State.COMPLETE, {**result, "per_class": dict.fromkeys(classes, 0.0)})
    clips = [f"clip {number}" for number in range(len(labels))]
    about = {"data_digest": "", "protocol": "xsub", "split": "val"}
    predictions = TrialFiles(folder.trial(plan.id)).predictions
    save_predictions(predictions, clips, labels, scores, {}, about)

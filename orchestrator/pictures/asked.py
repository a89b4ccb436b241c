"""The pictures that a command asks for: of a study or of one trial."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.ablation.results import AblationResults, VariantResult, results_of
from orchestrator.engine.errors import SkelTuneError
from orchestrator.fusing.trials import find_predictions
from orchestrator.home import Home, StudyFolder
from orchestrator.insight import look_into
from orchestrator.pictures.attention import attention_pictures
from orchestrator.pictures.confusion import confusion_pictures
from orchestrator.pictures.embeddings import embeddings_picture
from orchestrator.pictures.study import searched_pictures, study_pictures
from orchestrator.planning.trials import current_records
from orchestrator.reports.picture import Picture
from orchestrator.stored import stored_log, stored_study


class Kind(StrEnum):
    """What can be drawn."""

    RESULTS = "results"
    """What a study found: differences, interactions, curves, costs, classes; of a search its
    history and its parameters; of a trial its confusions."""
    ATTENTION = "attention"
    """Where the model of a trial looks; of a study one trial of its first variant."""
    EMBEDDINGS = "embeddings"
    """t-SNE of a trial's embeddings; of a study one trial a variant, side by side."""


@dataclass(frozen=True)
class Asked:
    """`variants` (of a study), `split` and `label` (a class) are for attention and embeddings."""

    kinds: Collection[Kind]
    variants: Sequence[str] = ()
    split: str | None = None
    label: str | None = None
    device: str = "auto"

    @property
    def needs_weights(self) -> bool:
        return not set(self.kinds) <= {Kind.RESULTS}


def pictures_of(home: Home, given: str, asked: Asked) -> list[Picture]:
    """`given` is the name of a study, else a trial's id or folder."""
    if home.study(given).has_run():
        return _of_study(home, given, asked)
    folder = find_predictions(home, given).parent
    confusion = confusion_pictures(folder) if Kind.RESULTS in asked.kinds else []
    return [*confusion, *_seen({folder.name: folder}, home, asked)]


def _of_study(home: Home, name: str, asked: Asked) -> list[Picture]:
    study, log, folder = stored_study(home, name), stored_log(home, name), home.study(name)
    if study.spec.ablation is None:
        if asked.needs_weights:
            raise SkelTuneError(f"{name} is a search: attention and embeddings are of its trials")
        return searched_pictures(study, current_records(study, log))
    results = results_of(study, log, folder)
    found = study_pictures(results, folder) if Kind.RESULTS in asked.kinds else []
    return [*found, *_seen(_looked_at(results, folder, asked), home, asked)]


def _looked_at(results: AblationResults, folder: StudyFolder, asked: Asked) -> dict[str, Path]:
    """The trial of each variant's first complete seed, of the first stream."""
    rows = results.rows if Kind.EMBEDDINGS in asked.kinds else results.rows[:1]
    if asked.variants:
        rows = tuple(_row(results, name) for name in asked.variants)
    done = {row.variant.name: next((c for c in row.cells if c.score), None) for row in rows}
    return {
        f"{name}, seed {cell.cell.seed}": folder.bring(cell.cell.plans[0].id)
        for name, cell in done.items()
        if cell is not None
    }


def _row(results: AblationResults, name: str) -> VariantResult:
    known = {row.variant.name: row for row in results.rows}
    if name not in known:
        raise SkelTuneError(f"no variant {name!r}; known: {'; '.join(known)}")
    return known[name]


def _seen(folders: Mapping[str, Path], home: Home, asked: Asked) -> list[Picture]:
    """Embeddings of all these trials, attention of the first."""
    if not asked.needs_weights:
        return []
    if not folders:
        raise SkelTuneError("attention and embeddings need a trial that has run all its epochs")
    insights = {
        name: look_into(folder, home.data, asked.split, device=asked.device)
        for name, folder in folders.items()
    }
    first = next(iter(insights.values()))
    attention = attention_pictures(first, asked.label) if Kind.ATTENTION in asked.kinds else []
    embeddings = [embeddings_picture(insights)] if Kind.EMBEDDINGS in asked.kinds else []
    return [*attention, *embeddings]

"""All pictures of a study, as its report shows them."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.ablation.results import AblationResults
from orchestrator.engine.config import flattened
from orchestrator.home import StudyFolder
from orchestrator.pictures.classes import classes_pictures
from orchestrator.pictures.confusion import both_pictures, confusions_of
from orchestrator.pictures.costs import costs_picture
from orchestrator.pictures.curves import curves_pictures
from orchestrator.pictures.effects import components_picture, effects_picture
from orchestrator.pictures.interactions import interactions_picture
from orchestrator.records import TrialRecord
from orchestrator.reports.picture import Picture
from orchestrator.spec import Study


def study_pictures(results: AblationResults, folder: StudyFolder) -> list[Picture]:
    """Those that can be drawn of what is known so far; `folder` has the saved predictions."""
    singles = [
        effects_picture(results),
        components_picture(results),
        interactions_picture(results),
        costs_picture(results),
    ]
    return [
        *(picture for picture in singles if picture is not None),
        *curves_pictures(results),
        *_confusion_pictures(results, folder),
        *classes_pictures(results, folder.trials),
    ]


def searched_pictures(study: Study, records: Iterable[TrialRecord]) -> list[Picture]:
    """Of a search, in the order in which its trials were planned; they are told to Optuna anew."""
    from orchestrator.pictures.search import search_pictures
    from orchestrator.search.sampling import Proposals

    assert study.spec.search is not None
    objectives = study.spec.objectives
    proposals = Proposals(study.spec.search, objectives, flattened(study.baseline.plain()))
    proposals.replay(records)
    return search_pictures(proposals.study, [objective.metric for objective in objectives])


def _confusion_pictures(results: AblationResults, folder: StudyFolder) -> list[Picture]:
    """Of the first setting's baseline."""
    baseline = results.of_setting(results.settings[0])[0]
    confusions = confusions_of(baseline, folder.trials)
    if confusions is None:
        return []
    return both_pictures(confusions, baseline.variant.name)

"""All pictures of an ablation, as its report shows them."""

from __future__ import annotations

from orchestrator.home import StudyFolder
from orchestrator.pictures.classes import classes_pictures
from orchestrator.pictures.confusion import both_pictures, confusions_of
from orchestrator.pictures.costs import costs_picture
from orchestrator.pictures.curves import curves_pictures
from orchestrator.pictures.effects import components_picture, effects_picture
from orchestrator.pictures.interactions import interactions_picture
from orchestrator.reports.picture import Picture
from orchestrator.results import AblationResults


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


def _confusion_pictures(results: AblationResults, folder: StudyFolder) -> list[Picture]:
    """Of the first setting's baseline."""
    baseline = results.of_setting(results.settings[0])[0]
    confusions = confusions_of(baseline, folder.trials)
    if confusions is None:
        return []
    return both_pictures(confusions, baseline.variant.name)

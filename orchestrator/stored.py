"""A study as it was last run: what reports, status and promotions go by."""

from __future__ import annotations

import json

from orchestrator.engine.config import resolve_trial
from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import write_json
from orchestrator.home import Home, StudyFolder
from orchestrator.planning import current_records
from orchestrator.records import StudyLog
from orchestrator.report import Table, ablation_table
from orchestrator.results import results_of
from orchestrator.search_report import search_table
from orchestrator.spec import Study, StudySpec


def stored_study(home: Home, name: str) -> Study:
    """The study as it was last run; `SkelTuneError` listing the known ones if it never was."""
    folder = home.study(name)
    if not folder.spec.exists():
        known = sorted(path.parent.name for path in home.studies.glob("*/study.json"))
        raise SkelTuneError(
            f"no study {name!r} in {home.studies}; known: {', '.join(known) or 'none'}"
        )
    saved = json.loads(folder.spec.read_text())
    spec = StudySpec.model_validate(saved["spec"])
    baseline = resolve_trial(saved["trial"], {}, saved["source"])
    return Study(spec, saved["source"], saved["trial"], baseline)


def stored_log(home: Home, name: str) -> StudyLog:
    return StudyLog(home.study(name).log)


def remember(study: Study, folder: StudyFolder, tracking: dict[str, str]) -> None:
    """Keep the study, resolved, and where it is tracked beside its log."""
    document: Raw = {
        "source": study.source,
        "spec": study.spec.model_dump(mode="json", by_alias=True),
        "trial": study.trial_document,
        **tracking,
    }
    write_json(folder.spec, document)


def table_of(study: Study, log: StudyLog, folder: StudyFolder) -> Table:
    """The study's table from its log and its saved predictions."""
    if study.spec.ablation is not None:
        return ablation_table(results_of(study, log, folder))
    spec, records = study.spec, current_records(study, log)
    return search_table(spec, records, study.baseline.select_on)

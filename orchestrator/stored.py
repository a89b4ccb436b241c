"""A study as it was last run: what reports, status and promotions go by."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.ablation.results import results_of
from orchestrator.engine.config import resolve_trial
from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import write_bytes, write_json
from orchestrator.environment import environment
from orchestrator.home import Home, StudyFolder
from orchestrator.planning.digest import plan_digest
from orchestrator.planning.trials import Remembered, current_records
from orchestrator.records import StudyLog
from orchestrator.reports.links import stored_links
from orchestrator.reports.picture import Picture
from orchestrator.reports.study import Format, StudyReport
from orchestrator.spec import Study, StudySpec


def stored_study(home: Home, name: str) -> Study:
    """The study as it was last run; `SkelTuneError` listing the known ones if it never was."""
    folder = home.study(name)
    if not folder.has_run():
        known = ", ".join(home.study_names()) or "none"
        raise SkelTuneError(f"no study {name!r} in {home.shown}; known: {known}")
    saved = json.loads(folder.spec.read_text())
    spec = StudySpec.model_validate(saved["spec"])
    baseline = resolve_trial(saved["trial"], {}, saved["source"])
    return Study(spec, saved["source"], saved["trial"], baseline, saved.get("question", ""))


def stored_log(home: Home, name: str) -> StudyLog:
    return StudyLog(home.study(name).journal())


def remember(study: Study, folder: StudyFolder, tracking: dict[str, str]) -> None:
    """Keep the study, resolved, where it is tracked and what runs it, beside its log."""
    document: Raw = {
        "source": study.source,
        "question": study.question,
        "spec": study.spec.model_dump(mode="json", by_alias=True),
        "trial": study.trial_document,
        "environment": environment(),
        **tracking,
    }
    write_changed(folder, folder.spec, document)


def write_changed(folder: StudyFolder, file: Path, document: Raw) -> None:
    """Leave a file alone that says so already: what was made from it still holds."""
    if not file.exists() or json.loads(file.read_text()) != document:
        write_json(file, document)
        folder.keep(file)


def stored_report(study: Study, log: StudyLog, folder: StudyFolder) -> StudyReport:
    """From the study's log and its saved predictions."""
    saved = json.loads(folder.spec.read_text())
    return StudyReport(
        study,
        current_records(study, log),
        results_of(study, log, folder) if study.spec.ablation is not None else None,
        stored_links(folder),
        saved.get("environment", {}),
        log.data,
        plan_digest(study, Remembered(study, log.data)),
    )


def write_report(report: StudyReport, folder: StudyFolder) -> tuple[Path, ...]:
    """The page, the tables and the images in the study's folder, made anew where they are out of
    date; the page last, so that none is newer than what belongs to it."""
    if is_reported(folder):
        return (*sorted(folder.pictures.glob("*.png")), folder.report, folder.page)
    pictures = pictures_of(report, folder)
    files = {folder.pictures / p.file_name: p.png for p in pictures if p.png}
    files[folder.report] = report.text(Format.MARKDOWN).encode()
    files[folder.page] = report.text(Format.HTML, pictures=pictures).encode()
    for file, content in files.items():
        write_bytes(file, content)
    folder.keep(*files)
    return tuple(files)


def is_reported(folder: StudyFolder) -> bool:
    """Whether the page is newer than all that it is made from, of a study that is kept here."""
    made_from = (folder.log, folder.spec, folder.runs)
    if not all(file.exists() for file in (folder.page, folder.report, *made_from)):
        return False
    newest = max(file.stat().st_mtime_ns for file in made_from)
    return folder.page.stat().st_mtime_ns > newest


def pictures_of(report: StudyReport, folder: StudyFolder) -> list[Picture]:
    """Of what is known so far; drawing takes a few seconds."""
    from orchestrator.pictures.study import searched_pictures, study_pictures

    if report.results is None:
        return searched_pictures(report.study, report.records)
    return study_pictures(report.results, folder)

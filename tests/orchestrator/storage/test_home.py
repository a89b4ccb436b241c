"""A study in a storage, seen from a machine that has nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.fusing.trials import find_predictions
from orchestrator.home import Home
from orchestrator.reports.study import Format
from orchestrator.spec import Study
from orchestrator.status import status_table
from orchestrator.storage.place import Place
from orchestrator.stored import remember, stored_log, stored_report, stored_study
from tests.orchestrator.finished_study import finished

ABLATION = {"components": {"rdl": {"off": {"loss.embedding": None}}}, "seeds": 2}
TRACKING = {"tracking_uri": "", "experiment_id": "7", "study_run_id": "8"}


@pytest.fixture
def study(study_of: Callable[..., Study]) -> Study:
    return study_of(ablation=ABLATION)


@pytest.fixture
def elsewhere(study: Study, data_root: Path, place: Place, tmp_path: Path) -> Home:
    """Another machine than the one on which the study was finished."""
    folder = Home(tmp_path / "driver", place.uri).study("tiny")
    remember(study, folder, TRACKING)
    finished(study, data_root, folder, lambda cell: 30)
    folder.keep(*folder.trials.glob("*/predictions.npz"))
    return Home(tmp_path / "elsewhere", place.uri)


def test_it_is_found_by_its_name(elsewhere: Home, study: Study):
    assert elsewhere.study_names() == ["tiny"]
    assert stored_study(elsewhere, "tiny").spec == study.spec
    assert len(stored_log(elsewhere, "tiny").records) == 4


def test_its_report_has_its_scores(elsewhere: Home, study: Study):
    log, folder = stored_log(elsewhere, "tiny"), elsewhere.study("tiny")
    found = stored_study(elsewhere, "tiny")

    report = stored_report(found, log, folder)

    assert "75.00" in report.text(Format.MARKDOWN)
    assert len(list(folder.trials.glob("*/predictions.npz"))) == 4


def test_its_status_is_told(elsewhere: Home):
    (row,) = status_table(elsewhere, None).rows

    assert row[0] == "tiny"
    assert "4" in row


def test_its_trials_are_found_by_the_beginning_of_their_id(elsewhere: Home):
    trial = next(iter(stored_log(elsewhere, "tiny").records))

    assert find_predictions(elsewhere, trial[:8]).exists()


def test_what_was_fetched_is_not_fetched_again(
    elsewhere: Home, study: Study, monkeypatch: pytest.MonkeyPatch
):
    log, folder = stored_log(elsewhere, "tiny"), elsewhere.study("tiny")
    folder.bring_predictions(log.records)
    monkeypatch.setattr(Place, "fetch", None)

    folder.bring_predictions(log.records)

import json
from pathlib import Path

import pytest

from orchestrator.home import StudyFolder
from orchestrator.reports.links import stored_links


def folder_with(root: Path, uri: str, runs: dict[str, str] | None) -> StudyFolder:
    folder = StudyFolder(root)
    saved = {"tracking_uri": uri, "experiment_id": "7", "study_run_id": "study1"}
    folder.spec.write_text(json.dumps(saved))
    if runs is not None:
        folder.runs.write_text(json.dumps(runs))
    return folder


@pytest.mark.parametrize(
    ("uri", "site"),
    [("sqlite:////home/mlflow.db", "http://127.0.0.1:5000"), ("https://host/", "https://host")],
)
def test_a_run_is_where_its_store_is_served(tmp_path: Path, uri: str, site: str):
    links = stored_links(folder_with(tmp_path, uri, {"abc": "run1"}))

    assert links.of("abc") == f"{site}/#/experiments/7/runs/run1"
    assert links.of("other") is None


def test_a_study_in_its_first_run_has_links_to_no_trial(tmp_path: Path):
    links = stored_links(folder_with(tmp_path, "https://host", None))

    assert links.of("abc") is None
    assert links.study == "https://host/#/experiments/7/runs/study1"

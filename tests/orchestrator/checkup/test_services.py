from __future__ import annotations

import socket
from pathlib import Path

import pytest

from orchestrator.checkup.findings import Verdict
from orchestrator.checkup.services import ray_findings, storage_findings, tracking_findings
from orchestrator.home import Home


def test_a_folder_that_can_be_written_is_fine_and_nothing_is_left_in_it(tmp_path: Path):
    findings = storage_findings(Home(tmp_path))

    assert {finding.verdict for finding in findings} == {Verdict.FINE}
    assert list(tmp_path.rglob("*")) == [tmp_path / "studies"]


def test_a_storage_that_cannot_be_written_fails_with_a_remedy(tmp_path: Path):
    (tmp_path / "file").touch()

    (finding,) = storage_findings(Home(tmp_path / "file"))

    assert finding.verdict is Verdict.BROKEN
    assert finding.remedy


def test_a_server_that_does_not_answer_fails_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    (finding,) = tracking_findings(f"http://me:hunter2@127.0.0.1:{port}")

    assert finding.verdict is Verdict.BROKEN
    assert "hunter2" not in finding.found
    assert "MLFLOW_TRACKING_USERNAME" in finding.remedy


def test_the_note_of_a_cluster_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray/ray_current_cluster").write_text(f"127.0.0.1:{port}")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))

    (finding,) = ray_findings(None, None)

    assert finding.verdict is Verdict.DOUBTFUL
    assert "ray_current_cluster" in finding.remedy

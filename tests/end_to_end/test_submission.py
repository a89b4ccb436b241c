"""A study as a job of a real Ray head, with token authentication."""

from __future__ import annotations

import importlib.util
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Bench
from tests.servers import free_port, running, wait_until_open

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("aiohttp_cors") is None,
        reason="Ray's job server needs ray[default]: pip install skeltune[cluster]",
    ),
]


@pytest.fixture
def job_server(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    token = bench.root / "token"
    token.write_text(secrets.token_hex(32))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    port, gcs_port = free_port(), free_port()
    scratch = Path(f"/tmp/skeltune-head-{os.getpid()}")
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"]
    command += [f"--port={gcs_port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={port}"]
    command += ["--num-cpus=1", "--include-dashboard=true", f"--temp-dir={scratch}"]
    command += ["--dashboard-agent-listen-port=0", "--disable-usage-stats"]
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with running(command, SKELTUNE_HOME=str(bench.home), PATH=programs):
        wait_until_open(port)
        yield f"http://127.0.0.1:{port}"


def test_a_study_is_submitted_once_followed_to_its_end_and_carried_on(
    bench: Bench, job_server: str
) -> None:
    study = bench.root / "studies/tiny.yaml"

    first = bench.skeltune("submit", study, "--address", job_server, "--no-wait")
    second = bench.skeltune("submit", study, "--address", job_server)
    third = bench.skeltune("submit", study, "--address", job_server)

    assert "is submitted" in first
    assert "ships" in first
    assert "runs already" in second
    assert "4 done" in second
    assert "is submitted" in third
    assert [run.info.status for run in bench.runs()] == ["FINISHED"] * 5


def test_without_the_token_nothing_is_submitted(
    bench: Bench, job_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = bench.root / "wrong"
    wrong.write_text(secrets.token_hex(32))
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(wrong))

    told = bench.skeltune(
        "submit", bench.root / "studies/tiny.yaml", "--address", job_server, code=2
    )

    assert "RAY_AUTH_TOKEN_PATH" in told
    assert bench.events() == []

"""A study on a Ray cluster and an MLflow server that were there before: both real, on loopback."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.end_to_end.conftest import Bench
from tests.orchestrator.tracking.servers import mlflow_server
from tests.servers import free_port, running, wait_until_open

pytestmark = pytest.mark.slow


@pytest.fixture
def ray_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A one-node cluster with token authentication."""
    token = tmp_path / "token"
    token.write_text(secrets.token_hex(32))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    port = free_port()
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", f"--port={port}"]
    command += [
        "--num-cpus=1",
        "--include-dashboard=false",
        "--block",
        "--node-ip-address=127.0.0.1",
    ]
    with running([*command, "--disable-usage-stats"]):
        wait_until_open(port)
        yield f"127.0.0.1:{port}"


@pytest.fixture
def mlflow_uri(tmp_path: Path) -> Iterator[str]:
    with mlflow_server(f"sqlite:///{tmp_path}/server.db", tmp_path / "served") as uri:
        yield uri


def test_a_study_runs_on_a_given_cluster_and_is_tracked_on_a_given_server(
    bench: Bench, ray_address: str, mlflow_uri: str
) -> None:
    study = bench.root / "studies/tiny.yaml"
    (bench.home / "mlflow.db").unlink()

    bench.skeltune("run", study, "--address", ray_address, "--tracking-uri", mlflow_uri)
    there = ["--address", ray_address, "--tracking-uri", mlflow_uri]
    bench.skeltune("promote", "tiny", "--seeds", 1, *there)

    client = MlflowClient(mlflow_uri)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert sorted(run.data.tags["role"] for run in runs) == ["cell"] * 4 + ["final", "study"]
    champion = client.get_model_version_by_alias("mdrgcn-synthetic-xsub", "champion")
    files = {file.path for file in client.list_artifacts(champion.run_id, "model/data/model")}
    names = {"card.html", "card.md", "model.json", "weights"}
    assert files == {f"model/data/model/{name}" for name in names}
    assert not (bench.home / "mlflow.db").exists()


def test_a_server_that_does_not_answer_is_named_before_anything_starts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    uri = f"http://127.0.0.1:{free_port()}"

    told = bench.skeltune("run", bench.root / "studies/tiny.yaml", "--tracking-uri", uri, code=2)

    assert f"MLflow at {uri} cannot be used" in told

"""The process table is a folder, as the kernel shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.checkup.findings import Verdict
from orchestrator.checkup.listening import listening_findings

LOOPBACK, ANY = "0100007F", "00000000"
GCS = ["/ray/gcs_server", "--port=6379"]
MLFLOW = ["python", "-m", "uvicorn", "mlflow.server.fastapi_app:app", "--host", "0.0.0.0"]


def write_process(proc: Path, command: list[str], address: str, environment: str = "") -> None:
    """A process that listens at an address, in the kernel's hexadecimal."""
    folder = proc / "42"
    (folder / "fd").mkdir(parents=True)
    (folder / "fd/3").symlink_to("socket:[777]")
    (folder / "net").mkdir()
    line = f"0: {address}:1F90 00000000:0000 0A 0:0 0:0 0 0 0 777\n"
    (folder / "net/tcp").write_text(f"heading\n{line}")
    (folder / "cmdline").write_text("\0".join(command))
    (folder / "environ").write_text(environment)


@pytest.mark.parametrize(
    ("command", "address", "environment", "verdict"),
    [
        (GCS, ANY, "HOME=/\0RAY_AUTH_MODE=token", Verdict.FINE),
        (GCS, ANY, "RAY_AUTH_MODE=disabled", Verdict.BROKEN),
        (GCS, LOOPBACK, "", Verdict.FINE),
        (MLFLOW, ANY, "", Verdict.BROKEN),
        (MLFLOW, LOOPBACK, "", Verdict.FINE),
        ([*MLFLOW, "--app-name", "basic-auth"], ANY, "", Verdict.FINE),
    ],
)
def test_a_server_must_ask_who_calls_or_listen_to_its_machine_alone(
    tmp_path: Path, command: list[str], address: str, environment: str, verdict: Verdict
):
    write_process(tmp_path, command, address, environment)

    (finding,) = listening_findings(tmp_path)

    assert finding.verdict is verdict


def test_other_processes_are_not_looked_at(tmp_path: Path):
    write_process(tmp_path, ["python", "-m", "http.server"], ANY)

    assert listening_findings(tmp_path) == []

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.checkup import machine
from orchestrator.checkup.findings import Finding, Verdict
from orchestrator.checkup.machine import machine_findings, package_findings


def found(what: str, home: Path) -> Finding:
    return next(finding for finding in machine_findings(home) if finding.what == what)


def test_whatever_is_not_fine_says_what_to_do(tmp_path: Path):
    findings = machine_findings(tmp_path / "not" / "there")

    assert {"Python", "packages", "open files", "shared memory", "port 8265"} <= {
        finding.what for finding in findings
    }
    assert all(finding.remedy for finding in findings if finding.verdict is not Verdict.FINE)


def test_a_small_limit_of_open_files_is_told_with_the_command_that_raises_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, 4096))

    finding = found("open files", tmp_path)

    assert (finding.verdict, finding.found) == (Verdict.BROKEN, "256")
    assert "ulimit -n" in finding.remedy


def test_a_port_that_is_taken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(machine, "_PORTS", {port: "--port"})

        finding = found(f"port {port}", tmp_path)

    assert finding.verdict is Verdict.DOUBTFUL
    assert "--port" in finding.remedy


@pytest.fixture
def with_version(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    real = machine.version

    def replace(package: str, other: str) -> None:
        monkeypatch.setattr(machine, "version", lambda n: other if n == package else real(n))

    return replace


def test_a_package_that_is_too_old_fails(with_version: Callable[[str, str], None]):
    with_version("optuna", "4.9.0")

    required, _ = package_findings()

    assert (required.verdict, required.found) == (Verdict.BROKEN, "optuna 4.9.0")


def test_a_version_that_was_not_tested_is_told(with_version: Callable[[str, str], None]):
    with_version("optuna", "5.0.1")

    required, tested = package_findings()

    assert required.verdict is Verdict.FINE
    assert tested.verdict is Verdict.DOUBTFUL
    assert "optuna 5.0.1 (tested 5.0.0)" in tested.found

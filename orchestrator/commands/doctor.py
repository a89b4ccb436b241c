"""The command `skeltune doctor`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Storage, TrackingUri

EXIT_FAILED = 1


def doctor(
    study_file: Annotated[Path | None, typer.Argument(help="a study file: its data, too")] = None,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="a Ray cluster to be looked at")
    ] = None,
    tracking_uri: TrackingUri = None,
    storage: Storage = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Check this machine and what a study would use; exit code 1 if a study would fail."""
    from orchestrator.checkup.findings import findings_document, findings_table, has_failed
    from orchestrator.checkup.listening import listening_findings
    from orchestrator.checkup.machine import machine_findings
    from orchestrator.checkup.services import (
        data_findings,
        ray_findings,
        storage_findings,
        tracking_findings,
    )
    from orchestrator.home import Home
    from orchestrator.records import StudyLog
    from orchestrator.spec import load_study
    from orchestrator.view import plain_console, show_table

    home = Home.find(storage)
    study = load_study(study_file) if study_file else None
    findings = [*machine_findings(home.root), *listening_findings(), *storage_findings(home)]
    findings += tracking_findings(home.tracking_uri(tracking_uri))
    findings += ray_findings(address, study.spec.resources if study else None)
    if study is not None:
        log = StudyLog(home.study(study.spec.study).journal())
        findings += data_findings(study, log, home.data)
    if as_json:
        sys.stdout.write(json.dumps(findings_document(findings), indent=1) + "\n")
    else:
        show_table(plain_console(), findings_table(findings))
    if has_failed(findings):
        raise typer.Exit(EXIT_FAILED)

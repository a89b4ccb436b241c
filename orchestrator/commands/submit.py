"""The command `skeltune submit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Storage

EXIT_FAILED = 1


def submit(
    study_file: Annotated[Path, typer.Argument(help="a study file (YAML)")],
    address: Annotated[str, typer.Option(help="http://HEAD:8265, Ray's job server")],
    storage: Storage = None,
    tracking_uri: Annotated[
        str | None, typer.Option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="follow its log")] = True,
) -> None:
    """Run a study as a Ray job on a cluster's head; again: carry on, or follow what runs."""
    from orchestrator.home import Home
    from orchestrator.launching.submission import submit as submit_study
    from orchestrator.planning.digest import plan_digest
    from orchestrator.planning.trials import Planner
    from orchestrator.spec import load_study

    study = load_study(study_file)
    digest = plan_digest(study, Planner(study, Home.find().data, may_stand_in=True))
    given = {"SKELTUNE_STORAGE": storage, "MLFLOW_TRACKING_URI": tracking_uri}
    variables = {name: value for name, value in given.items() if value}
    job = submit_study(study, digest, address, variables, _tell)
    _tell(f"{job.id} {'runs already' if job.was_running else 'is submitted'}\n")
    if wait and not job.follow(_tell):
        raise typer.Exit(EXIT_FAILED)


def _tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

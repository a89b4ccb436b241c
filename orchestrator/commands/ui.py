"""The command `skeltune ui`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from orchestrator.commands.options import Storage, TrackingUri


def ui(
    port: Annotated[int, typer.Option(help="on this machine")] = 5000,
    tracking_uri: TrackingUri = None,
    storage: Storage = None,
) -> None:
    """Serve the MLflow UI on this machine (127.0.0.1)."""
    from orchestrator.home import Home, tracked_studies
    from orchestrator.view import plain_console

    home, console = Home.find(storage), plain_console()
    uri = home.tracking_uri(tracking_uri)
    if uri.startswith("http"):
        console.print(f"MLflow runs at {uri} already", highlight=False)
        return
    home.root.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", uri]
    command += ["--default-artifact-root", home.artifacts.as_uri()]
    url = f"http://127.0.0.1:{port}"
    console.print(f"MLflow UI on {url} (Ctrl-C ends it)", highlight=False)
    for study, experiment in tracked_studies(home).items():
        link = f"{url}/#/experiments/{experiment}/runs?workflowType=machine_learning"
        console.print(f"  {study}: {link}", highlight=False, soft_wrap=True)
    os.execve(sys.executable, command, environment)

"""Options that several commands have, and what is made of them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orchestrator.home import Home
    from orchestrator.session import Services
    from orchestrator.spec import Objective, Study

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_NOT_BETTER, EXIT_INTERRUPTED = 1, 2, 3, 130

Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        envvar="SKELTUNE_STORAGE",
        help="where studies lie: a folder, or a URI as s3://bucket/prefix; default: at home",
    ),
]
TrackingUri = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="MLflow; default: MLFLOW_TRACKING_URI, else embedded"),
]
StudyFile = Annotated[Path, typer.Argument(help="a study file (YAML)")]
StudyName = Annotated[str, typer.Argument(help="name of a study, or its file")]
TrainedModel = Annotated[
    str, typer.Argument(help="a folder, models:/NAME@champion, models:/NAME/3 or runs:/ID/PLACE")
]
Address = Annotated[
    str | None,
    typer.Option("--address", envvar="RAY_ADDRESS", help="Ray cluster; default: one of our own"),
]
Cpu = Annotated[float | None, typer.Option("--cpu", help="CPUs a trial, instead of the file's")]
Gpu = Annotated[float | None, typer.Option("--gpu", help="GPUs a trial, instead of the file's")]
NumCpus = Annotated[int | None, typer.Option("--num-cpus", help="CPUs of our own Ray")]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="clips at a time; default: as in the training")
]


def study_name(study: str) -> str:
    """The name of a study, given by name or by file."""
    if not study.endswith((".yaml", ".yml")):
        return study
    from orchestrator.spec import load_study

    return load_study(Path(study)).spec.study


def find_home(storage: str | None = None) -> Home:
    from orchestrator.home import Home

    return Home.find(storage)


def services_of(
    objective: Objective,
    address: str | None,
    tracking_uri: str | None,
    num_cpus: int | None = None,
    storage: str | None = None,
) -> Services:
    from orchestrator.cluster.nodes import Cluster
    from orchestrator.session import Services
    from orchestrator.view import View, plain_console

    home = find_home(storage)
    uri = home.tracking_uri(tracking_uri)
    return Services(home, uri, View(plain_console(), objective), Cluster(address, num_cpus))


def with_resources(study: Study, cpu: float | None, gpu: float | None) -> Study:
    from dataclasses import replace

    asked = {"cpu": cpu, "gpu": gpu}
    known = study.spec.resources.model_dump()
    changed = known | {key: value for key, value in asked.items() if value is not None}
    resources = type(study.spec.resources).model_validate(changed)
    return replace(study, spec=study.spec.model_copy(update={"resources": resources}))


def command_name() -> str:
    """How this command can be called again from here."""
    if shutil.which("skeltune"):
        return "skeltune"
    called = Path(sys.argv[0])
    return "python -m orchestrator" if called.name == "__main__.py" else os.path.relpath(called)

"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
TrainedModel = Annotated[
    str, typer.Argument(help="a folder, models:/NAME@champion, models:/NAME/3 or runs:/ID/PLACE")
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="clips at a time; default: as in the training")
]
StudyName = Annotated[str, typer.Argument(help="name of a study, or its file")]


def study_name(study: str) -> str:
    """The name of a study, given by name or by file."""
    if not study.endswith((".yaml", ".yml")):
        return study
    from orchestrator.spec import load_study

    return load_study(Path(study)).spec.study

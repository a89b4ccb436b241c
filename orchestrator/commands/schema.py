"""`skeltune schema`: what editors know of our documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema(out: Annotated[Path, typer.Option(help="folder for the schemas")]) -> None:
    """Write the JSON Schemas of trial and study files, for editors."""
    from orchestrator.schemas import write_schemas

    for path in write_schemas(out):
        typer.echo(path)

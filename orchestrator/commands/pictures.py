"""The command `skeltune picture`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import Storage


def picture(
    given: Annotated[
        str, typer.Argument(metavar="STUDY|TRIAL", help="a study's name, or a trial's id or folder")
    ],
    out: Annotated[Path, typer.Option(help="folder for the pictures")],
    kind: Annotated[
        list[str] | None,
        typer.Option(help="results, attention or embeddings; can be repeated; default: results"),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="of a study: whose attention and embeddings; can be repeated"),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, val or test; default: the one that was evaluated")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--class", help="whose attention stands beside that to all classes"),
    ] = None,
    device: str = "auto",
    storage: Storage = None,
) -> None:
    """Draw what a study found, or what a trained model sees."""
    from orchestrator.engine.errors import SkelTuneError
    from orchestrator.home import Home
    from orchestrator.pictures.asked import Asked, Kind, pictures_of
    from orchestrator.pictures.saved import save_pictures
    from orchestrator.view import plain_console

    kinds = kind or [Kind.RESULTS]
    if unknown := [name for name in kinds if name not in set(Kind)]:
        raise SkelTuneError(f"--kind must be one of {', '.join(Kind)}, got {unknown[0]!r}")
    asked = Asked([Kind(name) for name in kinds], variant or [], split, label, device)
    pictures = pictures_of(Home.find(storage), given, asked)
    if not pictures:
        raise SkelTuneError(f"nothing of {given} can be drawn yet")
    for path in save_pictures(pictures, out):
        plain_console().print(str(path), highlight=False, soft_wrap=True)

"""The command `skeltune rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.commands.options import TrackingUri, find_home


def rollback(
    model: Annotated[str, typer.Argument(help="name of a registered model")],
    to: Annotated[
        str | None, typer.Option("--to", help="a version; default: the champion before this one")
    ] = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Make an earlier version of a model the champion again."""
    from orchestrator.promotion.rollback import roll_back
    from orchestrator.tracking.registry import Registry
    from orchestrator.view import plain_console

    registry = Registry(find_home().tracking_uri(tracking_uri))
    before, after = roll_back(registry, model, to)
    console = plain_console()
    console.print(f"champion    {model} version {after}, was {before}", highlight=False)
    for move in registry.history(model):
        told = f"  {move.when}  version {move.version}  {move.who}  {move.why}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)

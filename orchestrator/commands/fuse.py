"""The command `skeltune fuse`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import Storage

if TYPE_CHECKING:
    from orchestrator.fusing.fusion import Predictions

Trials = Annotated[
    list[str], typer.Argument(help="trials, each by its id, its folder or its predictions file")
]


def fuse(
    trials: Trials,
    weights: Annotated[
        str | None, typer.Option(help="one number a trial, as in 0.6,0.6,0.4,0.4; default: equal")
    ] = None,
    softmax: Annotated[
        bool, typer.Option("--softmax", help="sum probabilities instead of raw scores")
    ] = False,
    search: Annotated[
        bool, typer.Option("--search", help="find the weights on val, then apply them")
    ] = False,
    on: Annotated[
        str | None,
        typer.Option(help="val or test; default: what is saved, after a search test"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="write the fused scores to this .npz file")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    device: str = "auto",
    storage: Storage = None,
) -> None:
    """Sum the scores of trials, as of the streams of one model, and compare with each alone."""
    from orchestrator.engine.errors import SkelTuneError
    from orchestrator.fusing.fusion import as_probabilities, search_weights
    from orchestrator.fusing.fusion import fuse as fuse_streams
    from orchestrator.fusing.predictions import save_fused
    from orchestrator.fusing.trials import (
        find_predictions,
        fusion_table,
        predictions_on,
    )
    from orchestrator.home import Home
    from orchestrator.view import plain_console, show_table

    if on not in (None, "val", "test"):
        raise SkelTuneError(f"--on must be val or test, got {on!r}")
    if search and weights is not None:
        raise SkelTuneError("--search and --weights exclude each other")
    home = Home.find(storage)
    files = [find_predictions(home, given) for given in trials]

    def scored_on(split: str | None) -> list[Predictions]:
        streams = [predictions_on(split, file, home, device) for file in files]
        return list(map(as_probabilities, streams)) if softmax else streams

    chosen = search_weights(scored_on("val")) if search else _parse(weights, len(files))
    streams = scored_on(on or ("test" if search else None))
    result = fuse_streams(streams, chosen)
    if out is not None:
        save_fused(out, streams, chosen)
    if as_json:
        sys.stdout.write(json.dumps({**result.plain(), "searched": search}, indent=1) + "\n")
    else:
        show_table(plain_console(), fusion_table(result, search))


def _parse(weights: str | None, count: int) -> tuple[float, ...]:
    if weights is None:
        return (1.0,) * count
    try:
        return tuple(float(part) for part in weights.split(","))
    except ValueError:
        raise typer.BadParameter(f"must be numbers with commas between, got {weights!r}") from None

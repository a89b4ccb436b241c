"""`skeltune train`: one trial, without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    TrackingUri,
    services_of,
)


def train(
    trial_file: Annotated[Path, typer.Argument(help="a trial file (YAML)")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value ...")] = None,
    tracking_uri: TrackingUri = None,
    device: str = "auto",
) -> None:
    """Train one trial file in this process."""
    from orchestrator.engine.config import load_trial
    from orchestrator.engine.documents import parse_overrides
    from orchestrator.records import State
    from orchestrator.single import train_single
    from orchestrator.spec import Objective
    from orchestrator.view import plain_console

    config = load_trial(trial_file, parse_overrides(overrides or []))
    services = services_of(Objective(metric=config.metric, mode=config.mode), None, tracking_uri)
    name = " ".join([trial_file.stem, *(overrides or [])])
    record = train_single(config, name, services, device)
    folder = services.home.single(record.plan.id).trial(record.plan.id)
    value = record.best(config.metric, config.mode)
    shown = f"{value:.2f}" if value is not None else "none"
    console = plain_console()
    console.print(f"{record.state.value}: best {config.metric} {shown}; files in {folder}")
    if record.state is State.INTERRUPTED:
        raise typer.Exit(EXIT_INTERRUPTED)
    if record.state is not State.COMPLETE:
        console.print(record.error or "")
        raise typer.Exit(EXIT_FAILED)

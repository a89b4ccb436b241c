"""`skeltune repair`: the runs and the report of a study, made anew from its log."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.commands.options import Storage, StudyName, study_name

EXIT_NOT_WHOLE = 1


def repair(
    study: StudyName,
    tracking_uri: Annotated[
        str | None, typer.Option("--tracking-uri", help="default: where the study was tracked")
    ] = None,
    drop_damaged: Annotated[
        bool,
        typer.Option("--drop-damaged", help="leave damaged lines of the log out; keep it beside"),
    ] = False,
    storage: Storage = None,
) -> None:
    """Check a study's log, and make everything anew that follows from it."""
    from orchestrator.home import Home
    from orchestrator.repair import repair as make_anew
    from orchestrator.repair import tracked_at
    from orchestrator.session import Services
    from orchestrator.stored import stored_study
    from orchestrator.view import View, plain_console, show_table

    home, name, console = Home.find(storage), study_name(study), plain_console()
    stored = stored_study(home, name)
    uri = tracking_uri or tracked_at(home.study(name))
    services = Services(home, uri, View(console, stored.spec.objective))
    done = make_anew(stored, services, drop_damaged)
    show_table(console, done.table)
    for run in [*done.on_runs.doubles, *done.on_runs.unknown]:
        console.print(f"deleted; back with: mlflow runs restore --run-id {run.id}", soft_wrap=True)
    if done.on_runs.behind:
        raise typer.Exit(EXIT_NOT_WHOLE)

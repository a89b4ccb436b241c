"""`skeltune run`: a study from where it is to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    Address,
    Cpu,
    Gpu,
    NumCpus,
    Storage,
    StudyFile,
    TrackingUri,
    command_name,
    services_of,
    with_resources,
)

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.session import Services
    from orchestrator.spec import Study


def run(
    study_file: StudyFile,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    cpu: Cpu = None,
    gpu: Gpu = None,
    num_cpus: NumCpus = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="try failed trials again (not diverged ones)")
    ] = False,
    plan: Annotated[
        str | None, typer.Option("--plan", help="only if the study still has this plan")
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="first cells alone, one epoch on a few clips; keep none")
    ] = False,
    storage: Storage = None,
) -> None:
    """Run a study, or carry on with what is missing."""
    from orchestrator.choice import choose_from
    from orchestrator.failures import failure_lines
    from orchestrator.spec import load_study
    from orchestrator.study import run_study
    from orchestrator.view import plain_console, show_table

    study = with_resources(load_study(study_file), cpu, gpu)
    services = services_of(study.spec.objective, address, tracking_uri, num_cpus, storage)
    if smoke:
        raise typer.Exit(_try_out(study, services))
    outcome = run_study(study, services, retry_failed, plan)
    console, found = plain_console(), outcome.report
    for table in found.tables:
        show_table(console, table)
    if (choice := choose_from(study, found.records, found.results)) is not None:
        console.print(f"Best so far: {choice.told(study.spec.objective)}", highlight=False)
    for line in failure_lines(found.records):
        console.print(line, highlight=False, soft_wrap=True)
    if outcome.gave_up is not None:
        console.print(f"\nGiven up: {outcome.gave_up}", highlight=False, markup=False)
        again = f"{command_name()} run {study_file} --retry-failed"
        console.print(f"When that is mended: {again}", highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED)
    if outcome.is_stopped:
        console.print(
            f"\nStopped; carry on with: {command_name()} run {study_file}", highlight=False
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    _print_next(console, study.spec.study)
    if any(record.state.is_failure for record in outcome.records):
        raise typer.Exit(EXIT_FAILED)


def _try_out(study: Study, services: Services) -> int:
    """The exit code."""
    from orchestrator.records import State
    from orchestrator.smoke import try_out
    from orchestrator.view import plain_console

    outcome, console = try_out(study, services), plain_console()
    if outcome.is_stopped:
        return EXIT_INTERRUPTED
    if any(record.state is not State.COMPLETE for record in outcome.records):
        console.print("\nThe study does not work here.")
        return EXIT_FAILED
    console.print(f"\nThe study works here: {len(outcome.records)} trainings in small, none kept.")
    return 0


def _print_next(console: Console, study: str) -> None:
    steps = {
        f"report {study} --format latex": "the table for a paper; also markdown, csv, html",
        "ui": "the runs in MLflow, to look at and compare",
        f"promote {study}": "train the best finally and register it",
    }
    width = max(map(len, steps))
    lines = [f"  {command_name()} {step:{width}s}   {why}" for step, why in steps.items()]
    console.print("\n".join(["", "Next:", *lines]), highlight=False, soft_wrap=True)

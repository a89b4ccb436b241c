"""The command `skeltune`. Vendors are imported inside commands: `--help` answers at once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.cluster import cluster_app
from orchestrator.commands.data import data_app
from orchestrator.commands.doctor import doctor
from orchestrator.commands.evaluate import evaluate
from orchestrator.commands.fuse import fuse
from orchestrator.commands.models import models_app, weights_app
from orchestrator.commands.options import (
    EXIT_BAD_INPUT,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    Address,
    Cpu,
    Gpu,
    NumCpus,
    Storage,
    TrackingUri,
    command_name,
    find_home,
    services_of,
    with_resources,
)
from orchestrator.commands.pictures import picture
from orchestrator.commands.predict import predict
from orchestrator.commands.promote import promote
from orchestrator.commands.repair import repair
from orchestrator.commands.report import report
from orchestrator.commands.rollback import rollback
from orchestrator.commands.status import status
from orchestrator.commands.submit import submit
from orchestrator.commands.ui import ui

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.session import Services
    from orchestrator.spec import Study

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ablation studies and hyper-parameter searches for skeleton-based action recognition.",
)
app.add_typer(cluster_app, name="cluster")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
app.add_typer(weights_app, name="weights")
app.command()(doctor)
app.command()(evaluate)
app.command()(fuse)
app.command()(picture)
app.command()(predict)
app.command()(promote)
app.command()(repair)
app.command()(report)
app.command()(rollback)
app.command()(status)
app.command()(submit)
app.command()(ui)

StudyFile = Annotated[Path, typer.Argument(help="a study file (YAML)")]


@app.command()
def plan(
    study_file: StudyFile,
    probe: Annotated[
        bool, typer.Option("--probe", help="time a few steps of each shape; forecast hours")
    ] = False,
    probe_seconds: Annotated[float, typer.Option(help="of each shape", min=0)] = 20.0,
    cpu: Cpu = None,
    gpu: Gpu = None,
    num_cpus: NumCpus = None,
    num_gpus: Annotated[int | None, typer.Option("--num-gpus", help="GPUs there are")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    storage: Storage = None,
) -> None:
    """Show what a study would run; start nothing."""
    from orchestrator.planning.forecast import Machine, forecast
    from orchestrator.planning.preview import preview
    from orchestrator.planning.preview_table import forecast_notes, preview_document, preview_table
    from orchestrator.planning.trials import Planner
    from orchestrator.records import StudyLog
    from orchestrator.spec import load_study
    from orchestrator.view import show_table

    home = find_home(storage)
    study = with_resources(load_study(study_file), cpu, gpu)
    log = StudyLog(home.study(study.spec.study).journal())
    planner = Planner(study, home.data, may_stand_in=not probe)
    shown = preview(study, planner, log, home)
    machine = Machine.here(num_cpus, num_gpus, study.spec.max_concurrent)
    expected = forecast(study, planner, log, machine, probe_seconds) if probe else None
    if as_json:
        document = preview_document(shown) | {"forecast": expected and expected.plain()}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
        return
    show_table(_console(), preview_table(shown))
    if expected is not None:
        _console().print("\n".join(forecast_notes(expected)), highlight=False, soft_wrap=True)


@app.command()
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
    from orchestrator.view import show_table

    study = with_resources(load_study(study_file), cpu, gpu)
    services = services_of(study.spec.objective, address, tracking_uri, num_cpus, storage)
    if smoke:
        raise typer.Exit(_try_out(study, services))
    outcome = run_study(study, services, retry_failed, plan)
    console, found = _console(), outcome.report
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


@app.command()
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

    config = load_trial(trial_file, parse_overrides(overrides or []))
    services = services_of(Objective(metric=config.metric, mode=config.mode), None, tracking_uri)
    name = " ".join([trial_file.stem, *(overrides or [])])
    record = train_single(config, name, services, device)
    folder = services.home.single(record.plan.id).trial(record.plan.id)
    value = record.best(config.metric, config.mode)
    shown = f"{value:.2f}" if value is not None else "none"
    console = _console()
    console.print(f"{record.state.value}: best {config.metric} {shown}; files in {folder}")
    if record.state is State.INTERRUPTED:
        raise typer.Exit(EXIT_INTERRUPTED)
    if record.state is not State.COMPLETE:
        console.print(record.error or "")
        raise typer.Exit(EXIT_FAILED)


@app.command()
def schema(out: Annotated[Path, typer.Option(help="folder for the schemas")]) -> None:
    """Write the JSON Schemas of trial and study files, for editors."""
    from orchestrator.schemas import write_schemas

    for path in write_schemas(out):
        _console().print(str(path))


def main() -> None:
    """The console script: user errors on one screen, without a traceback."""
    from orchestrator.engine.errors import SkelTuneError, SpecError

    try:
        app()
    except SpecError as error:
        _fail(str(error), EXIT_BAD_INPUT)
    except (SkelTuneError, ValueError, OSError) as error:
        if os.environ.get("SKELTUNE_TRACEBACK"):
            raise
        _fail(str(error), EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        _fail("stopped", EXIT_INTERRUPTED)


def _fail(message: str, code: int) -> None:
    print(f"skeltune: {message}", file=sys.stderr)
    sys.exit(code)


def _console() -> Console:
    from orchestrator.view import plain_console

    return plain_console()


def _try_out(study: Study, services: Services) -> int:
    """The exit code."""
    from orchestrator.records import State
    from orchestrator.smoke import try_out

    outcome, console = try_out(study, services), _console()
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

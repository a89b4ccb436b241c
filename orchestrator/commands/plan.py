"""`skeltune plan`: what a study would run."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from orchestrator.commands.options import (
    Cpu,
    Gpu,
    NumCpus,
    Storage,
    StudyFile,
    find_home,
    with_resources,
)


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
    from orchestrator.view import plain_console, show_table

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
    console = plain_console()
    show_table(console, preview_table(shown))
    if expected is not None:
        console.print("\n".join(forecast_notes(expected)), highlight=False, soft_wrap=True)

"""The command `skeltune`. Vendors are imported inside commands: `--help` answers at once."""

from __future__ import annotations

import os
import sys

import typer

from orchestrator.commands.cluster import cluster_app
from orchestrator.commands.data import data_app
from orchestrator.commands.doctor import doctor
from orchestrator.commands.evaluate import evaluate
from orchestrator.commands.fuse import fuse
from orchestrator.commands.models import models_app, weights_app
from orchestrator.commands.options import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from orchestrator.commands.pictures import picture
from orchestrator.commands.plan import plan
from orchestrator.commands.predict import predict
from orchestrator.commands.promote import promote
from orchestrator.commands.repair import repair
from orchestrator.commands.report import report
from orchestrator.commands.rollback import rollback
from orchestrator.commands.run import run
from orchestrator.commands.schema import schema
from orchestrator.commands.status import status
from orchestrator.commands.submit import submit
from orchestrator.commands.train import train
from orchestrator.commands.ui import ui

COMMANDS = {
    "Studies": (plan, run, status, report, picture, fuse, repair, promote, rollback, ui, train),
    "Clusters": (doctor, submit, cluster_app),
    "Trained models": (predict, evaluate, models_app, weights_app),
    "Data and files": (data_app, schema),
}

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ablation studies and hyper-parameter searches for skeleton-based action recognition.",
)
for panel, commands in COMMANDS.items():
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, rich_help_panel=panel)
        else:
            app.command(rich_help_panel=panel)(command)


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

"""The command `skeltune status`."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import Storage, study_name

if TYPE_CHECKING:
    from orchestrator.home import Home

_SECONDS_BETWEEN_LOOKS = 2.0


def status(
    study: Annotated[str | None, typer.Argument(help="name or file")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="until it has ended, or Ctrl-C")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    storage: Storage = None,
) -> None:
    """How far studies are; of one: rate, time left, what runs where."""
    from orchestrator.home import Home
    from orchestrator.status import status_table
    from orchestrator.view import plain_console, show_table
    from orchestrator.watching import WatchedStudy

    home = Home.find(storage)
    if study is None and (watch or as_json):
        raise ValueError("--watch and --json need the name of a study")
    if watch:
        assert study is not None
        _watch(home, study_name(study))
    elif as_json:
        assert study is not None
        progress = WatchedStudy(home, study_name(study)).progress(time.time())
        sys.stdout.write(json.dumps(progress.plain(), indent=1) + "\n")
    else:
        show_table(plain_console(), status_table(home, study_name(study) if study else None))


def _watch(home: Home, name: str) -> None:
    """In a terminal in place; elsewhere anew each time."""
    from rich.live import Live
    from rich.text import Text

    from orchestrator.view import plain_console
    from orchestrator.watching import WatchedStudy, progress_lines

    watched, console = WatchedStudy(home, name), plain_console()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            progress = watched.progress(time.time())
            lines = progress_lines(progress, time.time())
            live.update(Text("\n".join(lines)), refresh=True)
            if progress.is_over:
                return
            time.sleep(_SECONDS_BETWEEN_LOOKS)

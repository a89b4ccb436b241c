"""`skeltune report`: a study's tables in every format, and whether those written still hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator.commands.options import Storage, StudyName, study_name

if TYPE_CHECKING:
    from orchestrator.home import StudyFolder
    from orchestrator.reports.study import Format, StudyReport

EXIT_DIFFERS = 1

FormatName = Literal["terminal", "markdown", "latex", "csv", "html"]


def report(
    study: StudyName,
    format_name: Annotated[
        FormatName | None, typer.Option("--format", help="default: by --out's ending, or terminal")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="a file instead of the screen")] = None,
    cells: Annotated[bool, typer.Option("--cells", help="CSV with a row a cell")] = False,
    links: Annotated[
        bool, typer.Option("--links/--no-links", help="to the runs in MLflow; none for a paper")
    ] = True,
    check: Annotated[
        Path | None,
        typer.Option("--check", help="a file written before: exit 1 if its runs say other now"),
    ] = None,
    storage: Storage = None,
) -> None:
    """The tables of a study, from what has been run so far."""
    from orchestrator.reports.study import Format
    from orchestrator.stored import pictures_of
    from orchestrator.view import plain_console, show_table

    form = _format(format_name, out or check)
    found, folder = _report_of(study, storage)
    found = found if links else found.unlinked()
    if check is not None:
        _check(found, form, cells, check)
    elif form is Format.TERMINAL:
        for table in found.tables:
            show_table(plain_console(), table)
    else:
        pictures = pictures_of(found, folder) if form is Format.HTML else []
        _write(found.text(form, cells=cells, pictures=pictures), out)


def _format(name: FormatName | None, file: Path | None) -> Format:
    """The one that is asked for, else the file's; ValueError for a file of no known kind."""
    from orchestrator.reports.study import Format

    found = Format(name) if name else Format.of_file(file) if file else Format.TERMINAL
    if found is None or (found is Format.TERMINAL and file is not None):
        raise ValueError(f"--format must be markdown, latex, csv or html for the file {file}")
    return found


def _report_of(study: str, storage: str | None) -> tuple[StudyReport, StudyFolder]:
    from orchestrator.home import Home
    from orchestrator.stored import stored_log, stored_report, stored_study

    home, name = Home.find(storage), study_name(study)
    folder = home.study(name)
    return stored_report(stored_study(home, name), stored_log(home, name), folder), folder


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text)


def _check(found: StudyReport, form: Format, cells: bool, file: Path) -> None:
    from orchestrator.reports.check import disagreements

    lines = disagreements(file.read_text(), found.text(form, cells=cells))
    if lines:
        print(f"{file} no longer says what its runs say:", *lines, sep="\n")
        raise typer.Exit(EXIT_DIFFERS)

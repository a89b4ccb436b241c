"""The commands `skeltune data`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

EXIT_FAILED = 1

data_app = typer.Typer(name="data", no_args_is_help=True, help="Prepare and inspect data sets.")

StoreName = Annotated[str, typer.Argument(help="a name of `data list`")]


class OnError(StrEnum):
    STOP = "stop"
    SKIP = "skip"


class FrameType(StrEnum):
    FLOAT32 = "float32"
    FLOAT16 = "float16"


@data_app.command("prepare")
def data_prepare(
    name: Annotated[str, typer.Argument(help="a name of `data list`, or a YAML file of your own")],
    options: Annotated[list[str] | None, typer.Argument(help="key=value of the reader ...")] = None,
    raw: Annotated[Path | None, typer.Option(help="folder of the original files")] = None,
    store_name: Annotated[
        str | None, typer.Option("--as", help="name of the store, instead of the data set's")
    ] = None,
    workers: Annotated[int, typer.Option(help="processes that read")] = 1,
    on_error: Annotated[
        OnError, typer.Option(help="skip: leave out clips that cannot be read")
    ] = OnError.STOP,
    dtype: Annotated[
        FrameType, typer.Option(help="float16 takes half the space")
    ] = FrameType.FLOAT32,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace the store")] = False,
) -> None:
    """Read a data set's original files once into memory-mapped arrays; killed, it can go on."""
    from data.preparation import prepare
    from data.store import prepared_names
    from orchestrator.datasets.own import find_source
    from orchestrator.datasets.reader_options import reader_options
    from orchestrator.engine.documents import parse_overrides
    from orchestrator.progress import reading_progress

    source = find_source(name)
    is_there = (store_name or source.info.name) in prepared_names(_root()) and not overwrite
    given = reader_options(source, parse_overrides(options or []))
    console = _console()
    with reading_progress(console) as progress:
        store = prepare(
            source,
            raw,
            _root(),
            name=store_name,
            workers=workers,
            on_error=on_error.value,
            dtype=dtype.value,
            overwrite=overwrite,
            progress=progress,
            **given,
        )
    if is_there:
        console.print(
            f"{store.name} was prepared before, nothing was read (--overwrite reads it again)",
            highlight=False,
        )
    skipped = len(store.manifest["skipped"])
    left_out = f" ({skipped} left out: see `skeltune data info {store.name}`)" if skipped else ""
    console.print(
        f"{store.name}: {len(store)} clips{left_out}, digest {store.digest}",
        highlight=False,
        soft_wrap=True,
    )


@data_app.command("list")
def data_list() -> None:
    """Data sets that can be prepared, and those that are."""
    from orchestrator.datasets.view import list_table
    from orchestrator.view import show_table

    show_table(_console(), list_table(_root()))


@data_app.command("info")
def data_info(
    name: StoreName,
    classes: Annotated[bool, typer.Option("--classes", help="clips of each class")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """What a prepared data set holds: source, shapes, lengths, splits, clips left out, digest."""
    from data.preparation import ensure_store
    from orchestrator.datasets.view import describe_store, info_tables
    from orchestrator.view import show_table

    told = describe_store(ensure_store(name, _root()))
    if as_json:
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return
    console = _console()
    for table in info_tables(told, with_classes=classes):
        show_table(console, table)


@data_app.command("verify")
def data_verify(name: StoreName) -> None:
    """Hash every file of a prepared data set; exit code 1 if it is not what was prepared."""
    from data.store import StoreDamagedError, open_store
    from orchestrator.datasets.view import shown_bytes

    try:
        store = open_store(name, _root())
        store.verify()
    except StoreDamagedError as error:
        typer.echo(f"skeltune: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from None
    size = shown_bytes(store.num_bytes)
    typer.echo(f"{name}: whole; {len(store)} clips, {size}, digest {store.digest}")


@data_app.command("show")
def data_show(
    name: StoreName,
    clip: Annotated[str, typer.Argument(help="name of a clip, or its number from 0")],
    out: Annotated[Path | None, typer.Option(help="a .gif, or a .png strip of frames")] = None,
) -> None:
    """Draw the skeletons of a clip: moving, or some frames side by side."""
    from data.preparation import ensure_store
    from orchestrator.pictures.clips import draw_clip, find_clip

    store = ensure_store(name, _root())
    number = find_clip(store, clip)
    path = out or Path(f"{name}_{store.names[number]}.gif".replace("/", "_"))
    draw_clip(store, number, path)
    label = store.info.classes[store.labels[number]]
    typer.echo(f"{path}: clip {number}, {store.names[number]}, {label}")


def _root() -> Path:
    from orchestrator.home import Home

    return Home.find().data


def _console() -> Console:
    from orchestrator.view import plain_console

    return plain_console()

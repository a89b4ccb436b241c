"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        envvar="SKELTUNE_STORAGE",
        help="where studies lie: a folder, or a URI as s3://bucket/prefix; default: at home",
    ),
]

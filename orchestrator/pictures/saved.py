"""Pictures as files: images, pages that open in a browser, and a page of captions."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from orchestrator.engine.files import write_bytes, write_text
from orchestrator.reports.picture import Picture

_PLOTLY = "plotly.min.js"


def save_pictures(pictures: Sequence[Picture], folder: Path) -> list[Path]:
    """Into a folder, with `captions.md`; interactive ones share plotly's library beside them."""
    for picture in pictures:
        content = picture.content if picture.png else _page(picture).encode()
        write_bytes(folder / picture.file_name, content)
    if any(picture.html for picture in pictures):
        from plotly.offline import get_plotlyjs

        write_text(folder / _PLOTLY, get_plotlyjs())
    write_text(folder / "captions.md", "\n".join(map(_captioned, pictures)))
    return [folder / picture.file_name for picture in pictures]


def _captioned(picture: Picture) -> str:
    mark = "!" if picture.png else ""
    return (
        f"## {picture.title}\n\n{mark}[{picture.name}]({picture.file_name})\n\n{picture.caption}\n"
    )


def _page(picture: Picture) -> str:
    title, caption = html.escape(picture.title), html.escape(picture.caption)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<script src="{_PLOTLY}"></script>\n<h1>{title}</h1>\n{picture.html}\n<p>{caption}</p>\n'
    )

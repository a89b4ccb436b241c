"""A picture of a study, as reports show it and MLflow keeps it."""

from __future__ import annotations

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """An image, or for readers with a mouse a piece of HTML that needs nothing from a network.

    `name` is its file's name without the ending; `caption` says in sentences what is to be seen,
    for those who cannot see it, too.
    """

    name: str
    title: str
    caption: str
    png: bytes = b""
    html: str = ""

    def __post_init__(self) -> None:
        assert bool(self.png) != bool(self.html)

    @property
    def file_name(self) -> str:
        return f"{self.name}.png" if self.png else f"{self.name}.html"

    @property
    def content(self) -> bytes:
        return self.png or self.html.encode()

    @property
    def data_uri(self) -> str:
        """The image as the `src` of an `img` that stands in the page itself."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

"""The look of all pictures: sizes, colours that everybody can tell apart, one way to bytes.

Colours are those of Okabe & Ito (Color Universal Design, 2008). No picture tells by colour alone:
markers, line styles and words say the same in grey print.
"""

from __future__ import annotations

import io
import textwrap
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

BLUE, VERMILLION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
SKY, PURPLE, YELLOW, BLACK = "#56b4e9", "#cc79a7", "#f0e442", "#000000"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, BLACK, YELLOW)
GREY, DARKER, PALE = "#767676", "#c9c9c9", "#e8e8e8"
SEQUENTIAL = "cividis"

_DPI = 130
_LABEL_WIDTH = 34
_STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "figure.titlesize": 10,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
}


def house_style() -> AbstractContextManager[None]:
    """Within, matplotlib draws as all pictures of the project are drawn; also a decorator."""
    return matplotlib.rc_context(_STYLE)


def canvas(
    width: float, height: float, rows: int = 1, columns: int = 1, **shared: Any
) -> tuple[Figure, NDArray[Any]]:
    """A figure in inches and its axes (rows, columns), which leave room for their labels."""
    figure = Figure((width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def panels(
    number: int, columns: int, size: tuple[float, float], margins: tuple[float, float]
) -> tuple[Figure, list[Axes]]:
    """Small multiples on common scales, row by row; sizes in inches, of a panel and around all."""
    columns = min(columns, number)
    rows = -(-number // columns)
    width, height = size[0] * columns + margins[0], size[1] * rows + margins[1]
    figure, grid = canvas(width, height, rows, columns, sharex=True, sharey=True)
    places: list[Axes] = list(grid.ravel())
    for place, axes in enumerate(places):
        axes.tick_params(labelbottom=place + columns >= number)
        axes.set_visible(place < number)
    return figure, places[:number]


def png_of(figure: Figure) -> bytes:
    """The same figure gives the same bytes: nothing is told of the time or the program."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def wrapped(label: str, width: int = _LABEL_WIDTH) -> str:
    """A long name on several lines."""
    return textwrap.fill(label, width, break_long_words=False)


def text_colour(image: AxesImage, value: float) -> str:
    """Black or white, whichever reads better on the colour of a value."""
    red, green, blue, _ = image.to_rgba(np.array(value))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"

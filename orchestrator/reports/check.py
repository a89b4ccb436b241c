"""Whether a file that was written before still says what its runs say."""

from __future__ import annotations

import difflib
import re

_MOST_LINES = 20
_LONGEST_LINE = 160
_PICTURES = re.compile(r'<section id="pictures">.*?</section>\n?', re.DOTALL)


def disagreements(written: str, now: str) -> list[str]:
    """A short diff, empty where both say the same.

    Pictures are drawn from the same records and left out: their bytes depend on fonts.
    """
    old, new = (_PICTURES.sub("", text).splitlines() for text in (written, now))
    lines = difflib.unified_diff(old, new, "file", "runs", lineterm="", n=0)
    shown = [line[:_LONGEST_LINE] for line in lines]
    rest = len(shown) - _MOST_LINES
    return shown[:_MOST_LINES] + ([f"... and {rest} lines more"] if rest > 0 else [])

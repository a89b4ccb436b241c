r"""Tables as LaTeX, to stand between `\begin{table}` and `\end{table}`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.reports.table import Entry, Table

_PREAMBLE = r"% needs \usepackage{booktabs,amssymb} and UTF-8"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after a line's end, brackets and stars would be its options
    "*": "{*}",
    "±": r"$\pm$",
    "✓": r"$\checkmark$",
    "–": "--",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
}
_SIGN = re.compile(r"(?<![\w.)=-])([+-])(?=\d)")


def as_latex(tables: Iterable[Table]) -> str:
    return "\n".join([_PREAMBLE, *map(_table, tables)])


def _table(table: Table) -> str:
    width, columns = len(table.columns), "".join(align[0] for align in table.alignments)
    lines = [f"% {_plain(table.title)}", rf"\begin{{tabular}}{{{columns}}}"]
    lines += [r"\toprule", _line(map(_escaped, table.columns)), r"\midrule"]
    for number, (heading, entries) in enumerate(table.entries()):
        if heading is not None:
            lines += [r"\midrule"] if number else []
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{_escaped(heading)}}}}} \\")
        lines.append(_line(map(_cell, entries)))
    lines += [r"\bottomrule", r"\end{tabular}", ""]
    notes = [rf"$^{{{_mark(m)}}}$ {_escaped(text)}" for m, text in table.footnotes.items()]
    notes += map(_escaped, table.notes)
    return "\n".join([*lines, r"\par\smallskip\footnotesize\noindent", "\n\n".join(notes), ""])


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(entry: Entry) -> str:
    text = _escaped(entry.text)
    bold = rf"\textbf{{{text}}}" if entry.is_bold else text
    marks = ",".join(map(_mark, entry.marks))
    return rf"{bold}$^{{{marks}}}$" if marks else bold


def _mark(mark: str) -> str:
    """Within mathematics."""
    return _escaped(mark).strip("$")


def _escaped(text: str) -> str:
    parts = _SIGN.split(" ".join(text.split()))
    return "".join(
        f"${part}$" if number % 2 else "".join(_SPECIAL.get(c, c) for c in part)
        for number, part in enumerate(parts)
    )


def _plain(text: str) -> str:
    return " ".join(text.split())

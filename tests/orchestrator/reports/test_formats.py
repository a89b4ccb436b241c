"""One table in every format."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.reports.latex import as_latex
from orchestrator.reports.links import RunLinks
from orchestrator.reports.markdown import as_markdown
from orchestrator.reports.numbers import cells_csv, variants_csv
from orchestrator.reports.table import Align, Entry, Link, Table
from orchestrator.view import show_table
from tests.orchestrator.reports.made_up import draw

TABLE = Table(
    "A study",
    ("loss", "val/top1", "seeds"),
    (
        ("✓", Entry("93.2 ± 0.1", is_bold=True), Entry("3", ("1",))),
        ("–", "-1.5", Entry("2", marks=("†", "1"), links=(Link("0", "http://host/run"),))),
    ),
    notes=("A note.",),
    sections={0: "clean", 1: "50% noise"},
    footnotes={"1": "seed 2 failed (no_memory)."},
)
NASTY = r"a|b & 50% of $x_1 #{y} ~ ^ \z <i> [3, 5] *"
HITS = {"baseline": draw(0.9), "rdl=off": [draw(0.5)[0], None]}


def test_markdown_has_sections_emphasis_marks_links_and_notes():
    lines = as_markdown([TABLE]).splitlines()

    assert lines[:4] == [
        "**A study**",
        "",
        "| loss | val/top1 | seeds |",
        "| :---: | ---: | ---: |",
    ]
    assert lines[4] == "| **clean** |  |  |"
    assert lines[5].startswith("| ✓ | **93.2 ± 0.1** | ")
    assert lines[7] == "| – | -1.5 | 2<sup>† 1</sup> ([0](http://host/run)) |"
    assert lines[-3:] == ["<sup>1</sup> seed 2 failed (no_memory).", "", "A note."]


def test_markdown_takes_no_text_for_a_column_or_for_html():
    row = as_markdown([Table("t", ("name",), ((NASTY,),))]).splitlines()[-1]

    assert re.findall(r"(?<!\\)[|<*\[]", row.strip("| ")) == []


def test_latex_has_rules_sections_and_signs():
    text = as_latex([TABLE])

    assert r"\begin{tabular}{crr}" in text
    assert r"\multicolumn{3}{l}{\textit{50\% noise}} \\" in text
    assert r"$\checkmark$ & \textbf{93.2 $\pm$ 0.1} & " in text
    assert r"-- & $-$1.5 & 2$^{\dagger,1}$ \\" in text
    assert text.count(r"\begin{") == text.count(r"\end{")


def test_latex_escapes_what_it_would_read_as_commands():
    cell = as_latex([Table("t", ("name",), ((NASTY,),))]).splitlines()[6]

    assert cell == (
        r"a\textbar{}b \& 50\% of \$x\_1 \#\{y\} \textasciitilde{} \textasciicircum{} "
        r"\textbackslash{}z \textless{}i\textgreater{} {[}3, 5] {*} \\"
    )


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path: Path):
    table = Table("t", ("[first", "*"), (("[3, 5]", NASTY), ("*", "✓ ± – † ‡")))
    head = r"\documentclass{article}\usepackage{booktabs,amssymb}\begin{document}"
    text = f"{head}\n{as_latex([TABLE, table])}\n\\end{{document}}\n"
    (tmp_path / "t.tex").write_text(text)

    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-2000:]


def test_the_terminal_shows_sections_and_raised_marks():
    console = Console(width=100, record=True, file=io.StringIO())

    show_table(console, TABLE)

    text = console.export_text()
    assert "50% noise" in text
    assert "2† ¹" in text
    assert "¹ seed 2 failed (no_memory)." in text


@pytest.mark.parametrize(
    ("entries", "align"),
    [
        (("1 (2 open)", "", "-", "+0.5 [1, 2]"), Align.RIGHT),
        (("✓", "–", "n/a"), Align.CENTER),
        (("baseline", "off"), Align.LEFT),
    ],
)
def test_numbers_stand_right_signs_in_the_middle_and_words_left(entries, align):
    table = Table("t", ("column",), tuple((entry,) for entry in entries))

    assert table.alignments == [align]


def test_a_csv_row_of_a_variant_has_figures_in_full_precision(results_of):
    results = results_of(HITS)

    baseline, rdl, *_ = csv.DictReader(io.StringIO(variants_csv(results)))

    assert float(baseline["mean"]) == results.row("baseline").sample.values.mean()
    assert float(rdl["difference"]) == results.row("rdl=off").judgement.effect.estimate
    assert (rdl["cvsta"], rdl["rdl"], rdl["seeds"], rdl["failed"]) == ("on", "off", "1", "1")
    assert (baseline["difference"], baseline["verdict"]) == ("", "")


def test_a_csv_row_of_a_cell_has_its_value_its_run_and_its_error(results_of):
    links = RunLinks(runs={"rdl=off seed 0": "run1"})

    rows = list(csv.DictReader(io.StringIO(cells_csv(results_of(HITS), links))))

    done, failed, still_open = (row for row in rows if row["variant"] == "rdl=off")
    assert float(done["val/top1"]) == 100 * HITS["rdl=off"][0].mean()
    assert (done["run_ids"], failed["state"], failed["error"]) == (
        "run1",
        "failed",
        "Out of memory",
    )
    assert (still_open["state"], still_open["val/top1"]) == ("", "")

"""What is told while raw files are read."""

import io

import pytest
from rich.console import Console

from orchestrator.progress import reading_progress


def told(done: list[int], *, is_terminal: bool) -> str:
    file = io.StringIO()
    with reading_progress(Console(file=file, force_terminal=is_terminal, width=80)) as tell:
        for number in done:
            tell(number, 1484)
    return file.getvalue()


def test_a_short_reading_is_told_in_no_line() -> None:
    assert told([0, 64, 1484], is_terminal=False) == ""


def test_a_long_reading_is_told_in_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.progress.LINE_SECONDS", 0.0)

    assert told([64], is_terminal=False).splitlines()[-1] == "64 of 1484 clips read"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_an_earlier_run_has_read_is_told_once(is_terminal: bool) -> None:
    text = told([384, 448, 512], is_terminal=is_terminal)

    assert text.count("of 1484 clips were read by an earlier run") == 1


def test_a_terminal_has_a_bar_that_goes_away() -> None:
    text = told([0, 742], is_terminal=True)

    assert "clips read" in text
    assert "742/1484" in text
    assert text.endswith("\x1b[2K")

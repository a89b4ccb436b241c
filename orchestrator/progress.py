"""How far the reading of raw files is: a bar in a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

LINE_SECONDS = 10.0

Tell = Callable[[int, int], None]


@contextmanager
def reading_progress(console: Console) -> Iterator[Tell]:
    """A function to be told how many clips have been read, and of how many."""
    with _bar(console) if console.is_terminal else _lines(console) as tell:
        yield _with_a_word_on_earlier_runs(tell, console)


@contextmanager
def _bar(console: Console) -> Iterator[Tell]:
    """Drawn when told, not by a thread: processes that read are forked meanwhile."""
    columns = ("clips read", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total, refresh=True)


@contextmanager
def _lines(console: Console) -> Iterator[Tell]:
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= LINE_SECONDS:
            told = time.monotonic()
            console.print(f"{done} of {total} clips read", highlight=False)

    yield tell


def _with_a_word_on_earlier_runs(tell: Tell, console: Console) -> Tell:
    is_first = True

    def told(done: int, total: int) -> None:
        nonlocal is_first
        if is_first and done > 0:
            console.print(f"{done} of {total} clips were read by an earlier run", highlight=False)
        is_first = False
        tell(done, total)

    return told

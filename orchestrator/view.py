"""What the terminal shows while trials run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table as RichTable
from rich.text import Text

from orchestrator.records import State, TrialRecord
from orchestrator.reports.table import Entry, Table
from orchestrator.spec import Objective

_REFRESH_SECONDS = 0.5


class View:
    """A live table in a terminal; one line an event elsewhere."""

    def __init__(self, console: Console, objective: Objective) -> None:
        self.console = console
        self.objective = objective
        self._live: Live | None = None
        self._opened = self._drawn = time.monotonic()
        self._done_before: int | None = None

    def __enter__(self) -> View:
        self._opened = time.monotonic()
        self._done_before = None
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def line(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def started(self, record: TrialRecord) -> None:
        if self._live is None:
            verb = "resumes" if record.epochs else "starts"
            self.line(f"{verb}   {record.plan.name}")

    def ended(self, record: TrialRecord, records: Sequence[TrialRecord]) -> None:
        value = record.best(self.objective.metric, self.objective.mode)
        what = f"{self.objective.metric} {value:.2f}" if value is not None else ""
        cause = f"{record.cause.told}: " if record.cause else ""
        reason = f"  {cause}{_last_line(record.error)}" if record.error else ""
        done = sum(r.state.is_final for r in records)
        spent = f"{record.seconds:.0f} s, {len(record.epochs)} epochs"
        self.line(
            f"{record.state.value:9s} {record.plan.name}  {what}  ({spent}; {done} done){reason}"
        )

    def lost(self, record: TrialRecord) -> None:
        """An attempt is over; what becomes of the trial is told by itself."""
        known = f"{len(record.epochs)} epochs are kept"
        self.line(f"lost      {record.plan.name}  ({record.losses[-1].cause.told}; {known})")

    def stopping(self, seconds: float) -> None:
        how = f"epochs that run have {seconds:.0f} s to end; once more stops at once"
        self.line(f"stopping: {how}")

    def refresh(self, shown: Callable[[], Sequence[TrialRecord]], total: int) -> None:
        """Called far more often than there is something to draw."""
        now = time.monotonic()
        if self._live is not None and now - self._drawn >= _REFRESH_SECONDS:
            self._drawn = now
            self._live.update(self._board(shown(), total), refresh=True)

    def _board(self, records: Sequence[TrialRecord], total: int) -> Group:
        """Progress, the best value so far, and a row for each running trial."""
        done = sum(record.state.is_final for record in records)
        if self._done_before is None:
            self._done_before = done
        bests = [record.best(self.objective.metric, self.objective.mode) for record in records]
        known = [value for value in bests if value is not None]
        best = (max if self.objective.mode == "max" else min)(known) if known else None
        head = Text(f"{done}/{total} trials")
        if best is not None:
            head.append(f"   best {self.objective.metric} {best:.2f}")
        if (left := self._seconds_left(done, total)) is not None:
            head.append(f"   about {_duration(left)} left")
        running = RichTable(box=None, pad_edge=False)
        for column in ("running", "epoch", self.objective.metric, "train/loss", "s/epoch"):
            running.add_column(column)
        for record in records:
            if record.state is State.RUNNING:
                running.add_row(*self._running_row(record))
        bar = ProgressBar(total=max(total, 1), completed=done, width=60)
        return Group(head, bar, Text(), running)

    def _running_row(self, record: TrialRecord) -> tuple[str, ...]:
        last = record.epochs[-1] if record.epochs else {}
        epochs = record.plan.config["epochs"]
        shown = (self.objective.metric, "train/loss", "epoch_seconds")
        figures = (f"{last[key]:.2f}" if key in last else "" for key in shown)
        return (record.plan.name, f"{len(record.epochs)}/{epochs}", *figures)

    def _seconds_left(self, done: int, total: int) -> float | None:
        fresh = done - (self._done_before or 0)
        if fresh <= 0:
            return None
        return (time.monotonic() - self._opened) / fresh * (total - done)


def plain_console() -> Console:
    """Wide enough for tables where the output is not a terminal."""
    return Console() if sys.stdout.isatty() else Console(width=140)


def show_table(console: Console, table: Table) -> None:
    rich_table = RichTable(title=table.title, title_justify="left", title_style="bold")
    for column, align in zip(table.columns, table.alignments, strict=True):
        rich_table.add_column(column, justify=align.value, overflow="fold")
    for heading, entries in table.entries():
        if heading is not None:
            rich_table.add_section()
            rich_table.add_row(Text(heading, style="italic"))
        rich_table.add_row(*map(_cell, entries))
    console.print(rich_table, highlight=False)
    footnotes = [f"{_raised(mark)} {text}" for mark, text in table.footnotes.items()]
    for note in [*footnotes, *table.notes]:
        console.print(note, style="dim", highlight=False, markup=False)


def _cell(entry: Entry) -> Text:
    text = Text(entry.text, style="bold" if entry.is_bold else "")
    return text.append(" ".join(map(_raised, entry.marks)))


def _raised(mark: str) -> str:
    return mark.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

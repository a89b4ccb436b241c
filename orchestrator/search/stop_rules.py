"""When a search has had enough, judged by its log: the same before and after a restart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.objective import Objective, trials_without_progress
from orchestrator.records import State, TrialRecord
from orchestrator.search.spec import Stop


def stop_reason(
    stop: Stop, objectives: Sequence[Objective], records: Sequence[TrialRecord], seconds: float
) -> str | None:
    """Why no more trials should be started; None while there is no reason."""
    if stop.hours is not None and seconds >= stop.hours * 3600:
        return f"trials have run for {seconds / 3600:.2f} of {stop.hours:g} hours"
    if stop.patience is not None:
        waited = trials_without_progress(records, objectives)
        if waited >= stop.patience:
            return f"{waited} trials in a row brought no progress (patience {stop.patience})"
    return None


def running_seconds(events: Iterable[Mapping[str, Any]]) -> float:
    """For how long at least one trial ran.

    The time before an interruption was told is left out: after a crash it is told by the next run,
    which may be days later.
    """
    running: set[str] = set()
    total, before = 0.0, 0.0
    for event in events:
        is_interruption = event.get("state") == State.INTERRUPTED
        if running and not is_interruption:
            total += event["time"] - before
        before = event["time"]
        if event["event"] == "started":
            running.add(event["trial"])
        elif event["event"] in {"ended", "lost"} or event.get("pruned"):
            running.discard(event["trial"])
    return total

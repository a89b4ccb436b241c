"""Lines of a study's log that cannot be believed, and the log without them.

What hangs on a damaged line goes with it: the events of a trial whose plan is lost, and those after
a lost epoch. The trial tells them again from its checkpoint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import write_bytes
from orchestrator.records import State, StudyLog
from orchestrator.storage.journal import LocalJournal

_SHOWN = 20


@dataclass(frozen=True)
class DamagedLine:
    """A line, counted from 1, and what is wrong with it."""

    number: int
    reason: str


class DamagedLogError(SkelTuneError):
    """The log has lines that no study can go on from."""

    def __init__(self, path: Path, lines: list[DamagedLine]) -> None:
        shown = [f"  line {line.number}: {line.reason}" for line in lines[:_SHOWN]]
        if len(lines) > _SHOWN:
            shown.append(f"  and {len(lines) - _SHOWN} more")
        super().__init__(
            "\n".join(
                [
                    f"{path} has {len(lines)} damaged lines:",
                    *shown,
                    "--drop-damaged leaves them out and keeps the file as it is beside; trials "
                    "tell what is missing again from their checkpoints",
                ]
            )
        )


def damaged_lines(path: Path) -> list[DamagedLine]:
    """In the order of the file; a torn end is no damage."""
    return [line for line in _judged(path) if isinstance(line, DamagedLine)]


def drop_damaged(path: Path) -> Path:
    """Write the log without its damaged lines; where the log as it was is kept."""
    kept = path.with_name(f"{path.name}.bad")
    number = 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.bad{number}")
    os.link(path, kept)
    write_bytes(path, b"".join(line for line in _judged(path) if isinstance(line, bytes)))
    return kept


def _judged(path: Path) -> Iterator[bytes | DamagedLine]:
    """Every whole line as it is, or what is wrong with it."""
    log = StudyLog(LocalJournal(path.with_name("nothing.jsonl")))
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if line.endswith(b"\n"):
            reason = _reason(line, log)
            yield line if reason is None else DamagedLine(number, reason)


def _reason(line: bytes, log: StudyLog) -> str | None:
    """Why this line cannot follow what the log has taken; if it can, it is taken."""
    try:
        event = json.loads(line)
        if gap := _gap(event, log):
            return gap
        log.apply(event)
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg})"
    except UnicodeDecodeError:
        return "not text"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"no trial event ({error!r})"
    return None


def _gap(event: dict[str, Any], log: StudyLog) -> str | None:
    """What must have come before this event and has not."""
    if event["event"] in {"planned", "data"}:
        return None
    if event["trial"] not in log.records:
        return f"trial {event['trial']} has not been planned"
    record = log.records[event["trial"]]
    known = len(record.epochs)
    if event["event"] == "epoch" and event["metrics"]["epoch"] != known:
        return f"epoch {event['metrics']['epoch']} of trial {event['trial']} follows {known} epochs"
    wanted = record.plan.config.get("epochs", known)
    if event.get("state") == State.COMPLETE and known < wanted:
        return f"trial {event['trial']} is complete after {known} of {wanted} epochs"
    return None

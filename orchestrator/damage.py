"""Lines of a study's log that cannot be believed, and the log without them.

What hangs on a damaged line goes with it: the events of a trial whose plan is lost, and those after
a lost epoch. The trial tells them again from its checkpoint.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import write_bytes
from orchestrator.records import State, StudyLog
from orchestrator.storage.journal import Journal, LocalJournal, ObjectJournal
from orchestrator.storage.place import Place

_SHOWN = 20
_REMEDY = (
    "--drop-damaged leaves them out and keeps the log as it is beside; trials tell what is missing "
    "again from their checkpoints"
)


@dataclass(frozen=True)
class DamagedLine:
    """Where a line stands, counted from 1, and what is wrong with it."""

    where: str
    reason: str


class DamagedLogError(SkelTuneError):
    """The log has lines that no study can go on from."""

    def __init__(self, journal: Journal, lines: list[DamagedLine]) -> None:
        shown = [f"  {line.where}: {line.reason}" for line in lines[:_SHOWN]]
        if len(lines) > _SHOWN:
            shown.append(f"  and {len(lines) - _SHOWN} more")
        head = f"{journal} has {len(lines)} damaged lines:"
        super().__init__("\n".join([head, *shown, _REMEDY]))


def damaged_lines(journal: Journal) -> list[DamagedLine]:
    """In their order; a torn end is no damage."""
    log = StudyLog(LocalJournal(Path(os.devnull)))
    judged = ((where, _reason(line, log)) for where, line in journal.lines())
    return [DamagedLine(where, reason) for where, reason in judged if reason is not None]


def drop_damaged(journal: Journal, damaged: list[DamagedLine]) -> list[str]:
    """Write the log without these lines; the files in which it is kept as it was."""
    left_out = {line.where for line in damaged}
    files: dict[str, list[bytes]] = defaultdict(list)
    for where, line in journal.lines():
        kept = files[_file_of(where)]
        if where not in left_out:
            kept.append(line + b"\n")
    spoilt = {_file_of(where) for where in left_out}
    return [_replace(file, b"".join(files[file]), journal) for file in sorted(spoilt)]


def _file_of(where: str) -> str:
    return where.rpartition(", line ")[0]


def _replace(file: str, content: bytes, journal: Journal) -> str:
    """Write the file anew; where it is kept as it was."""
    if isinstance(journal, ObjectJournal):
        segment = journal.place / file.rpartition("/")[2]
        before = segment.read() or b""
        kept = next(Place(name) for name in _free_names(file) if Place(name).create(before))
        segment.write(content)
        return str(kept)
    free = next(name for name in _free_names(file) if not Path(name).exists())
    os.link(file, free)
    write_bytes(Path(file), content)
    return free


def _free_names(file: str) -> Iterator[str]:
    """`events.jsonl.bad`, then `events.jsonl.bad2` and on."""
    yield f"{file}.bad"
    yield from (f"{file}.bad{number}" for number in count(2))


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

"""What one attempt at a trial occupies: as the study says, more after it ran out of memory."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.causes import Cause
from orchestrator.spec import Resources


def demand(first: Resources, ends: Iterable[Cause], node: Resources) -> Resources | None:
    """After attempts that ended so; `node` is the largest that there is.

    None where the trial had everything that one trial can get: a whole GPU, or a node to itself.
    The batch size is never touched: it is part of what is compared.
    """
    now: Resources | None = first
    for cause in ends:
        now = _more(now, cause, node) if now is not None else None
    return now


def _more(now: Resources, cause: Cause, node: Resources) -> Resources | None:
    match cause:
        case Cause.OUT_OF_MEMORY:
            share = {"gpu": min(1.0, 2 * now.gpu)}
            return now.model_copy(update=share) if now.gpu < 1 else None
        case Cause.OUT_OF_HOST_MEMORY:
            return now.model_copy(update={"cpu": node.cpu}) if now.cpu < node.cpu else None
    return now

"""Back to an earlier champion."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.engine.errors import SkelTuneError
from orchestrator.promotion.looks import who
from orchestrator.tracking.registry import Move, Registry, now


def reigns(moves: Iterable[Move]) -> list[str]:
    """The champions that lead to the present one, which is the last.

    A rollback takes away what came after: the next one goes further back, not forth.
    """
    stack: list[str] = []
    for move in moves:
        if move.version in stack:
            del stack[stack.index(move.version) :]
        stack.append(move.version)
    return stack


def roll_back(registry: Registry, name: str, to: str | None = None) -> tuple[str | None, str]:
    """The champion before and after. Raises `SkelTuneError` where there is none to go back to."""
    registry.history(name)  # an unknown model is told before a lock is made for it
    with registry.alone(name) as fence:
        present, known = registry.champion(name), reigns(registry.history(name))
        target = to or _previous(name, known, present)
        registry.require_version(name, target)
        if target == present:
            raise SkelTuneError(f"version {target} of {name} is the champion already")
        fence()
        registry.crown(name, target, present, Move(target, now(), who(), f"rollback of {present}"))
    return present, target


def _previous(name: str, known: list[str], present: str | None) -> str:
    earlier = known[:-1] if known and known[-1] == present else known
    if not earlier:
        raise SkelTuneError(f"{name} had no champion before {present}; say --to VERSION")
    return earlier[-1]

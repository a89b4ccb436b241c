"""A registered version at the gate: compared with the champion and, if it may, put in its place."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.engine.errors import SkelTuneError
from orchestrator.promotion.gate import Decision, Verdict, decide, incomparable
from orchestrator.promotion.looks import who
from orchestrator.promotion.split_scores import FILE_NAME, SplitScores
from orchestrator.tracking.registry import Move, Registry, now


@dataclass(frozen=True)
class Rule:
    """What the user says to the gate; `min_gain` in points of top-1, instead of the interval."""

    min_gain: float | None = None
    is_forced: bool = False


def pass_gate(
    registry: Registry, name: str, version: str, candidate: SplitScores, rule: Rule
) -> tuple[Decision, str | None]:
    """What was decided, and against which version. Nobody else's promotion comes between."""
    with registry.alone(name) as fence:
        present = registry.champion(name)
        decision = _decision(registry, name, version, candidate, present, rule)
        if decision.verdict is Verdict.ALREADY:
            return decision, present
        fence()
        if decision.verdict.opens:
            registry.crown(name, version, present, Move(version, now(), who(), decision.reason))
        else:
            registry.keep_as_candidate(name, version)
        registry.tag(name, version, _tags(decision, present, rule))
    return decision, present


def _decision(
    registry: Registry,
    name: str,
    version: str,
    candidate: SplitScores,
    present: str | None,
    rule: Rule,
) -> Decision:
    if present is None:
        return decide(candidate, None)
    if present == version:
        reason = "this version is the champion already"
        return Decision(Verdict.ALREADY, candidate.top1, candidate.top1, None, reason)
    try:
        with registry.gate_file(name, present, FILE_NAME) as file:
            champion = SplitScores.load(file)
    except SkelTuneError as error:
        return incomparable(candidate, str(error), is_forced=rule.is_forced)
    return decide(candidate, champion, min_gain=rule.min_gain, is_forced=rule.is_forced)


def _tags(decision: Decision, present: str | None, rule: Rule) -> dict[str, str]:
    told = {
        "gate": decision.verdict.value,
        "gate/reason": decision.reason,
        "gate/against": present or "none",
        "gate/gain": "" if decision.gain is None else str(decision.gain),
        "gate/forced_by": who() if decision.verdict is Verdict.FORCED else "",
        "gate/min_gain": "" if rule.min_gain is None else f"{rule.min_gain:g}",
    }
    return {key: value for key, value in told.items() if value}

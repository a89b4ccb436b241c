"""Records of trials that nobody trained."""

from __future__ import annotations

from typing import Any

from orchestrator.records import Role, State, TrialPlan, TrialRecord
from orchestrator.spec import Objective

TOP1 = Objective(metric="val/top1")
LOSS = Objective(metric="val/loss", mode="min")


def make_plan(
    trial_id: str,
    role: Role = Role.SEARCH,
    *,
    name: str | None = None,
    variant: str = "",
    seed: int = 0,
    params: dict[str, Any] | None = None,
) -> TrialPlan:
    return TrialPlan(trial_id, name or trial_id, role, variant, seed, params or {}, {}, "data")


def make_record(
    plan: TrialPlan,
    values: list[float],
    state: State = State.COMPLETE,
    *,
    metric: str = "val/top1",
    result: dict[str, Any] | None = None,
) -> TrialRecord:
    epochs = [{"epoch": epoch, metric: value} for epoch, value in enumerate(values)]
    return TrialRecord(plan, state, epochs, result)


def cell(variant: str, seed: int, value: float, **content: Any) -> TrialRecord:
    plan = make_plan(f"{variant} {seed}", Role.CELL, variant=variant, seed=seed)
    return make_record(plan, [value / 2, value], **content)

"""The trainings of a promoted configuration: every seed, every stream, the full recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.ablation.spec import Changes
from orchestrator.engine.config import Workers
from orchestrator.planning.trials import Planner
from orchestrator.records import Role, TrialPlan


def final_plans(
    planner: Planner,
    variant: str,
    members: Mapping[str, Changes],
    *,
    seeds: Sequence[int],
    workers: Workers | None = None,
) -> list[TrialPlan]:
    """Fitted on train + val, all their clips; test stays locked.

    `members` are the streams of an ensemble with their changes to the study's trial; of a single
    training it is one, under an empty name. Seed after seed, so that a whole ensemble is there
    early. `orchestrator.cluster.final.run_finals` trains them where there are `workers`, else
    `run_trials` does, several side by side.
    """
    full: Changes = {"select_on": "none", "max_clips": None}
    together: Changes = {} if workers is None else {"workers": workers.model_dump()}
    return [
        planner.plan(
            " ".join(filter(None, ["final", variant, stream, f"seed {seed}"])),
            Role.FINAL,
            variant,
            {**changes, **full, **together, "seed": seed},
            {**changes, **together},
        )
        for seed in seeds
        for stream, changes in members.items()
    ]

"""The identity of what a study plans: so that what was looked at is what is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from orchestrator.ablation.cells import Arm, Planning, cells_of, study_variants
from orchestrator.ablation.fairness import tuning_plans
from orchestrator.ablation.spec import Changes
from orchestrator.engine.errors import SkelTuneError
from orchestrator.records import Role
from orchestrator.spec import Study


class OtherPlanError(SkelTuneError):
    """The study plans something else than what the user looked at."""


def plan_digest(study: Study, planner: Planning) -> str:
    """12 hexadecimal digits, whatever has been run already.

    Over the objective, the whole ablation or search, and the identities of all trainings that
    there may be (each over configuration, seed and data), of a search that of its trial file.
    Cells that wait for their tuning count as they are before it.
    """
    spec = study.spec
    varied = spec.ablation or spec.search
    assert varied is not None
    said = [
        spec.objective.model_dump(),
        varied.model_dump(mode="json"),
        sorted(_ids(study, planner)),
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def _ids(study: Study, planner: Planning) -> Iterator[str]:
    ablation = study.spec.ablation
    if ablation is None:
        yield planner.plan("trial", Role.SEARCH, "", {}, {}).id
        return
    yield from (plan.id for plan in tuning_plans(study, planner))
    variants = study_variants(study)
    for cell in cells_of(study, planner, as_written, ablation.all_seeds, variants):
        yield from (plan.id for plan in cell.plans)


def as_written(_: Arm) -> Changes:
    """What an arm was tuned to where nothing is tuned."""
    return {}


def require_plan(study: Study, planner: Planning, digest: str) -> None:
    """Raise `OtherPlanError` if the study now plans something else."""
    found = plan_digest(study, planner)
    if found != digest:
        raise OtherPlanError(
            f"{study.source} now has the plan {found}, not {digest}: the study file, its trial "
            "file or the data have changed since; look at `skeltune plan` again"
        )

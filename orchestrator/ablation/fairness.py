"""Fair tuning: before its seeds run, every variant tries the same number of settings of its own.

The tries of a variant have one seed, which is none of the study's, and the objective of the study;
each variant then runs all its seeds with the best of its tries. What is tried is fixed beforehand
(multiples of the learning rate, or quasi-random points of a space), so that no variant has more
luck with a sampler than another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.ablation.cells import Arm, Planning, Tuned, arms_of, study_variants
from orchestrator.ablation.spec import Changes, Fairness, Retune, RetuneLR
from orchestrator.engine.config import flattened
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.records import Role, State, StudyLog, TrialPlan
from orchestrator.search.space import is_active
from orchestrator.spec import Study

LEARNING_RATE = "optimizer.lr"


def tuning_plans(study: Study, planning: Planning) -> list[TrialPlan]:
    """Every try of every arm; arms that come to the same training share theirs."""
    _require_val(study)
    arms = (arm for variant in study_variants(study) for arm in arms_of(study, variant))
    plans = (plan for arm in arms for plan, _ in _tries(study, planning, arm))
    return list({plan.id: plan for plan in plans}.values())


def tuned_by(study: Study, planning: Planning, log: StudyLog) -> Tuned:
    """What each arm was tuned to, by what the log knows.

    None while a try is open. Where every try failed, the arm keeps the values it has.
    """

    def tuned(arm: Arm) -> Changes | None:
        tries = _tries(study, planning, arm)
        records = [(log.records.get(plan.id), changes) for plan, changes in tries]
        if any(record is None or not record.state.is_final for record, _ in records):
            return None
        objective = study.spec.objective
        sign = 1 if objective.mode == "max" else -1
        best, found = float("-inf"), {}
        for record, changes in records:
            assert record is not None
            value = record.best(objective.metric, objective.mode)
            if record.state is State.COMPLETE and value is not None and sign * value > best:
                best, found = sign * value, changes
        return found

    return tuned


def _tries(study: Study, planning: Planning, arm: Arm) -> list[tuple[TrialPlan, Changes]]:
    assert study.spec.ablation is not None
    fairness = study.spec.ablation.fairness
    values = flattened(study.config(arm.changes, arm.name).plain())
    points = {str(point): point for point in candidates(fairness, values)}
    return [
        (_plan(planning, arm, number, {**point, "seed": _seed(fairness)}, point), point)
        for number, point in enumerate(points.values())
    ]


def _plan(planning: Planning, arm: Arm, number: int, changes: Changes, point: Changes) -> TrialPlan:
    name = f"{arm.name} try {number}"
    return planning.plan(name, Role.TUNING, arm.variant.name, {**arm.changes, **changes}, point)


def _seed(fairness: Fairness) -> int:
    assert isinstance(fairness, RetuneLR | Retune)
    return fairness.seed


def candidates(fairness: Fairness, values: Mapping[str, Any]) -> Iterator[Changes]:
    """What an arm with these values, by dotted path, tries; nothing where all is fixed."""
    match fairness:
        case RetuneLR():
            for factor in fairness.factors:
                yield {LEARNING_RATE: values[LEARNING_RATE] * factor}
        case Retune():
            yield {}
            yield from _quasi_random(fairness, values)


def _quasi_random(fairness: Retune, values: Mapping[str, Any]) -> Iterator[Changes]:
    """Halton's sequence scrambled with a fixed seed: the same points for every arm."""
    from scipy.stats import qmc  # takes a second, and most studies have no use for it

    sequence = qmc.Halton(len(fairness.space), rng=fairness.seed)
    for row in sequence.random(fairness.trials - 1):
        point: Changes = {}
        for share, (path, domain) in zip(row, fairness.space.items(), strict=True):
            if is_active(domain, point, values):
                point[path] = domain.at(float(share))
        yield point


def _require_val(study: Study) -> None:
    assert study.spec.ablation is not None
    name = study.spec.ablation.fairness.name
    if name != "fixed" and study.baseline.select_on != "val":
        message = f"needs a trial with select_on: val, got {study.baseline.select_on}"
        raise SpecError(study.source, [Problem("ablation.fairness", name, message)])

"""The best points of a search trained again with fresh seeds.

The best of many trials was also lucky: its own value is too high (the winner's curse). So the first
few are trained again, and chosen by what they did then; the value that made them first is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.ablation.results import stacked
from orchestrator.ablation.scores import cell_score
from orchestrator.choice import Candidate, single_candidate
from orchestrator.home import StudyFolder
from orchestrator.objective import values_of
from orchestrator.planning.trials import Planner
from orchestrator.promotion.choosing import Scoring
from orchestrator.records import Role, State, StudyLog, TrialPlan, TrialRecord
from orchestrator.spec import Study
from orchestrator.stats.samples import Sample


def replicas(
    planner: Planner, runners: Sequence[TrialRecord], num_seeds: int
) -> dict[str, list[TrialPlan]]:
    """Of each trial, by its id, as many plans with seeds that the search has not used."""
    return {
        runner.plan.id: [
            planner.plan(
                f"replica of {runner.plan.name}, seed {seed}",
                Role.REPLICA,
                runner.plan.variant,
                {**runner.plan.params, "seed": seed},
                runner.plan.params,
            )
            for seed in range(runner.plan.seed + 1, runner.plan.seed + 1 + num_seeds)
        ]
        for runner in runners
    }


def replicated(
    study: Study,
    runner: TrialRecord,
    plans: Sequence[TrialPlan],
    log: StudyLog,
    folder: StudyFolder,
    scored: Scoring | None,
) -> Candidate | None:
    """None where no replica is complete; several objectives are one number."""
    records = [log.records[plan.id] for plan in plans]
    done = [record for record in records if record.state is State.COMPLETE]
    sample = _sample(study, done, folder) if scored is None else _scores(scored, done)
    if sample is None:
        return None
    mode = study.spec.objective.mode if scored is None else "max"
    return Candidate(
        runner.plan.variant,
        {"": runner.plan.params},
        sample,
        mode,
        trials=(runner.plan.id, *(record.plan.id for record in done)),
    )


def unreplicated(study: Study, runner: TrialRecord, scored: Scoring | None) -> Candidate:
    """The trial of the search as it is."""
    candidate = single_candidate(runner, study.spec.objective)
    if scored is None:
        return candidate
    sample = _scores(scored, [runner])
    assert sample is not None
    return replace(candidate, sample=sample, mode="max")


def _sample(study: Study, done: Sequence[TrialRecord], folder: StudyFolder) -> Sample | None:
    objective = study.spec.objective
    folder.bring_predictions(record.plan.id for record in done)
    scores = [
        (record.plan.seed, cell_score([record], [1.0], objective, folder.trials)) for record in done
    ]
    return stacked([(seed, score) for seed, score in scores if score is not None])


def _scores(scored: Scoring, done: Sequence[TrialRecord]) -> Sample | None:
    values = {record.plan.seed: values_of(record, scored.objectives) for record in done}
    known = {seed: scored.of(v) for seed, v in values.items() if v is not None}
    return Sample.of_values(known) if known else None

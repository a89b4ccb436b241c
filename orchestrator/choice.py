"""Which configuration of a study won."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.ablation_spec import Changes
from orchestrator.cells import study_variants
from orchestrator.planning import current_records
from orchestrator.records import State, StudyLog
from orchestrator.report import best_variant, ranking, variant_rows
from orchestrator.spec import Objective, Study


@dataclass(frozen=True)
class Choice:
    """The configuration that won, and by what."""

    variant: str
    changes: Changes
    value: float
    seeds: int

    def told(self, objective: Objective) -> str:
        """`rdl=off: val/top1 96.88, mean over 3 seeds`."""
        over = f", mean over {self.seeds} seeds" if self.seeds > 1 else ""
        return f"{self.variant}: {objective.metric} {self.value:.2f}{over}"


def choose(study: Study, log: StudyLog) -> Choice | None:
    """The best variant by its mean over seeds, or the best complete trial of a search."""
    return _best_trial(study, log) if study.spec.ablation is None else _best_variant(study, log)


def _best_variant(study: Study, log: StudyLog) -> Choice | None:
    variants = {variant.name: variant for variant in study_variants(study)}
    rows = variant_rows(current_records(study, log), study.spec.objective, list(variants))
    best = best_variant(rows, study.spec.objective.mode)
    if best is None or best.summary is None:
        return None
    return Choice(best.name, variants[best.name].changes, best.summary.mean, best.summary.n)


def _best_trial(study: Study, log: StudyLog) -> Choice | None:
    objective = study.spec.objective
    complete = [r for r in current_records(study, log) if r.state is State.COMPLETE]
    for record in ranking(complete, objective)[:1]:
        value = record.best(objective.metric, objective.mode)
        assert value is not None
        return Choice(record.plan.variant, record.plan.params, value, 1)
    return None

"""Which configuration of a study won."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.ablation.results import AblationResults, results_of
from orchestrator.ablation.spec import Changes
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import current_records
from orchestrator.records import State, StudyLog, TrialRecord
from orchestrator.reports.ranking import best_variant, ranking
from orchestrator.spec import Objective, Study


@dataclass(frozen=True)
class Choice:
    """The configuration that won, and by what."""

    variant: str
    changes: Changes
    """To the study's trial; of a tuned variant with what it was tuned to."""
    value: float
    seeds: int
    streams: tuple[str, ...] = ()
    """Of an ensemble; the changes are those of its first stream."""

    def told(self, objective: Objective) -> str:
        """`rdl=off: val/top1 96.88, mean over 3 seeds`."""
        over = f", mean over {self.seeds} seeds" if self.seeds > 1 else ""
        return f"{self.variant}: {objective.metric} {self.value:.2f}{over}"


def choose(study: Study, log: StudyLog, folder: StudyFolder) -> Choice | None:
    """The best variant by its mean over seeds, or the best complete trial of a search."""
    results = results_of(study, log, folder) if study.spec.ablation is not None else None
    return choose_from(study, current_records(study, log), results)


def choose_from(
    study: Study, records: Iterable[TrialRecord], results: AblationResults | None
) -> Choice | None:
    """From the results of an ablation, or the records of a search."""
    return _best_trial(study, records) if results is None else _best_variant(results)


def _best_variant(results: AblationResults) -> Choice | None:
    best = best_variant(results)
    if best is None or best.sample is None:
        return None
    plans = best.cells[0].cell.plans
    mean = float(best.sample.values.mean())
    streams = tuple(best.variant.streams) if len(plans) > 1 else ()
    return Choice(best.variant.name, plans[0].params, mean, len(best.sample.seeds), streams)


def _best_trial(study: Study, records: Iterable[TrialRecord]) -> Choice | None:
    objective = study.spec.objective
    complete = [record for record in records if record.state is State.COMPLETE]
    for record in ranking(complete, objective)[:1]:
        value = record.best(objective.metric, objective.mode)
        assert value is not None
        return Choice(record.plan.variant, record.plan.params, value, 1)
    return None

"""Which configuration of a study won."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from orchestrator.ablation.designs import Variant
from orchestrator.ablation.results import AblationResults, VariantResult, results_of
from orchestrator.ablation.spec import Changes, Summed
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import current_records
from orchestrator.records import State, StudyLog, TrialRecord
from orchestrator.reports.ranking import complete_rows, ranking
from orchestrator.spec import Objective, Study
from orchestrator.stats.effects import contrast
from orchestrator.stats.samples import Sample


class By(StrEnum):
    """What a configuration is chosen by."""

    MEAN = "mean"
    """Its mean over seeds."""
    LOWER_BOUND = "lower_bound"
    """The worse end of its 95 % interval for new seeds and clips; without one, its mean."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A configuration that could be promoted, and what it achieved in the study."""

    variant: str
    members: Mapping[str, Changes]
    """Changes to the study's trial, of each stream of an ensemble; else one, under no name."""
    sample: Sample
    mode: str
    weights: tuple[float, ...] = (1.0,)
    fuse: Summed = "scores"
    trials: tuple[str, ...] = ()

    @property
    def changes(self) -> Changes:
        """Of an ensemble, those of its first stream."""
        return next(iter(self.members.values()))

    @property
    def streams(self) -> tuple[str, ...]:
        """Of an ensemble; else none."""
        return tuple(self.members) if len(self.members) > 1 else ()

    @property
    def value(self) -> float:
        return float(self.sample.values.mean())

    @property
    def seeds(self) -> int:
        return len(self.sample.seeds)

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """For new seeds and clips, at 95 %; None for a single seed."""
        effect = contrast([(1.0, self.sample)])
        assert effect is not None
        return effect.interval(effect.confidence)

    @property
    def bound(self) -> float | None:
        """The worse end of the interval."""
        if self.interval is None:
            return None
        return self.interval[0] if self.mode == "max" else self.interval[1]

    def told(self, objective: Objective) -> str:
        """`rdl=off: val/top1 96.88, mean over 3 seeds`."""
        over = f", mean over {self.seeds} seeds" if self.seeds > 1 else ""
        return f"{self.variant}: {objective.metric} {self.value:.2f}{over}"


def choose(study: Study, log: StudyLog, folder: StudyFolder) -> Candidate | None:
    """The best variant by its mean over seeds, or the best complete trial of a search."""
    results = results_of(study, log, folder) if study.spec.ablation is not None else None
    return choose_from(study, current_records(study, log), results)


def choose_from(
    study: Study, records: Iterable[TrialRecord], results: AblationResults | None
) -> Candidate | None:
    """From the results of an ablation, or the records of a search."""
    if results is not None:
        return _best(ablation_candidates(results))
    return _best(searched_candidates(study, records))


def _best(candidates: Sequence[Candidate]) -> Candidate | None:
    return ranked(candidates, By.MEAN)[0] if candidates else None


def ranked(candidates: Sequence[Candidate], by: By) -> list[Candidate]:
    """Best first; equal ones as they come, and those without a bound after those with one."""

    def key(candidate: Candidate) -> tuple[bool, float]:
        sign = -1 if candidate.mode == "max" else 1
        bound = candidate.bound if by is By.LOWER_BOUND else None
        lacks = by is By.LOWER_BOUND and bound is None
        return lacks, sign * (candidate.value if bound is None else bound)

    return sorted(candidates, key=key)


def ablation_candidates(results: AblationResults) -> list[Candidate]:
    """The variants of the first setting that have the most seeds."""
    return [candidate_of(row, results.study) for row in complete_rows(results)]


def candidate_of(row: VariantResult, study: Study) -> Candidate:
    assert row.sample is not None
    plans = next(cell for cell in row.cells if cell.score is not None).cell.plans
    streams = _streams(row.variant, len(plans))
    return Candidate(
        row.variant.name,
        {stream: plan.params for stream, plan in zip(streams, plans, strict=True)},
        row.sample,
        study.spec.objective.mode,
        tuple(row.variant.streams.values()) or (1.0,),
        row.variant.fuse,
        tuple(record.plan.id for record in row.records),
    )


def _streams(variant: Variant, num_plans: int) -> list[str]:
    return list(variant.streams) if num_plans > 1 else [""]


def searched_candidates(study: Study, records: Iterable[TrialRecord]) -> list[Candidate]:
    """The complete trials, best first, each with its one value."""
    objective = study.spec.objective
    complete = [record for record in records if record.state is State.COMPLETE]
    return [single_candidate(record, objective) for record in ranking(complete, objective)]


def single_candidate(record: TrialRecord, objective: Objective) -> Candidate:
    """A training by itself, as one seed of its configuration."""
    value = record.best(objective.metric, objective.mode)
    assert value is not None
    sample = Sample.of_values({record.plan.seed: value})
    return Candidate(
        record.plan.variant,
        {"": record.plan.params},
        sample,
        objective.mode,
        trials=(record.plan.id,),
    )

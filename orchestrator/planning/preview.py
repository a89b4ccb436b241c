"""What a study would run: nothing is started."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.ablation.cells import cells_of, check_distinct, check_same_clips, study_variants
from orchestrator.ablation.designs import Variant, left_out
from orchestrator.ablation.difference import Difference, examine
from orchestrator.ablation.fairness import tuned_by, tuning_plans
from orchestrator.ablation.spec import Ablation, Grid
from orchestrator.engine.config import flattened
from orchestrator.engine.documents import Raw
from orchestrator.engine.network import ModelSummary
from orchestrator.home import Home
from orchestrator.planning.digest import as_written, plan_digest
from orchestrator.planning.trials import Planner, first_cells
from orchestrator.records import State, StudyLog, TrialPlan
from orchestrator.reports.table import Table
from orchestrator.search.preview import search_preview
from orchestrator.spec import Study


@dataclass(frozen=True)
class Training:
    """One training of the plan; the id is None where it depends on a tuning that is not done."""

    id: str | None
    plan: TrialPlan
    state: State

    @property
    def stream(self) -> str:
        stream: str = self.plan.config["data"]["stream"]
        return stream

    def plain(self) -> Raw:
        return {
            "id": self.id,
            "variant": self.plan.variant,
            "seed": self.plan.seed,
            "stream": self.stream,
            "state": self.state.value,
        }


@dataclass(frozen=True)
class VariantPreview:
    """A row of an ablation: what it is, costs and changes, and its trainings, seed by seed."""

    variant: Variant
    summary: ModelSummary
    difference: Difference
    trainings: tuple[Training, ...]


@dataclass(frozen=True)
class AblationPreview:
    """What an ablation would run."""

    study: Study
    digest: str | None
    rows: tuple[VariantPreview, ...]
    tuning: tuple[Training, ...]
    left_out: tuple[str, ...]
    baseline_points: tuple[str, ...]
    """Points of grids that are the baseline, which is there once."""
    warnings: tuple[str, ...]
    stand_ins: tuple[str, ...]
    """Data sets that are not prepared; with one of them the plan has no digest."""

    @property
    def ablation(self) -> Ablation:
        assert self.study.spec.ablation is not None
        return self.study.spec.ablation

    @property
    def trainings(self) -> list[Training]:
        """Of the first seeds; one that several cells share is there once."""
        listed = [training for row in self.rows for training in row.trainings]
        return list({training.plan.id: training for training in listed}.values())

    @property
    def num_shared(self) -> int:
        """Trainings that are saved because another cell has the same one."""
        return sum(len(row.trainings) for row in self.rows) - len(self.trainings)


@dataclass(frozen=True)
class SearchPreview:
    """What a search would run: its space, around the trial file."""

    study: Study
    digest: str | None
    table: Table
    stand_ins: tuple[str, ...]


Preview = AblationPreview | SearchPreview


def preview(study: Study, planner: Planner, log: StudyLog, home: Home) -> Preview:
    """Raises `SpecError` for what cannot be built and for variants that change nothing."""
    if study.spec.ablation is not None:
        return _ablation_preview(study, planner, log)
    table = search_preview(study, planner, log, home)
    return SearchPreview(study, _digest(study, planner), table, tuple(planner.stand_ins))


def _digest(study: Study, planner: Planner) -> str | None:
    return None if planner.stand_ins else plan_digest(study, planner)


def _ablation_preview(study: Study, planner: Planner, log: StudyLog) -> AblationPreview:
    check_same_clips(study)
    check_distinct(study, first_cells(study, planner, log))
    examined = examine(study, planner)
    assert study.spec.ablation is not None
    trainings = trainings_of(study, planner, log, study.spec.ablation.first_seeds)
    ablation, values = study.spec.ablation, flattened(study.baseline.plain())
    rows = (
        VariantPreview(
            variant,
            examined.built[variant.name].summary,
            examined.differences[variant.name],
            tuple(trainings[variant.name]),
        )
        for variant in study_variants(study)
    )
    return AblationPreview(
        study=study,
        digest=_digest(study, planner),
        rows=tuple(rows),
        tuning=tuple(training_of(plan, log) for plan in tuning_plans(study, planner)),
        left_out=tuple(left_out(ablation, values)),
        baseline_points=tuple(_baseline_points(ablation, values)),
        warnings=examined.warnings,
        stand_ins=tuple(planner.stand_ins),
    )


def trainings_of(
    study: Study, planner: Planner, log: StudyLog, seeds: list[int]
) -> dict[str, list[Training]]:
    """Of every variant by its name, seed by seed."""
    variants, tuned_by_log = study_variants(study), tuned_by(study, planner, log)
    tuned = cells_of(study, planner, tuned_by_log, seeds, variants)
    known = {(cell.variant.name, cell.seed): cell for cell in tuned}
    found: dict[str, list[Training]] = {variant.name: [] for variant in variants}
    for cell in cells_of(study, planner, as_written, seeds, variants):
        name = cell.variant.name
        if (final := known.get((name, cell.seed))) is not None:
            found[name] += [training_of(plan, log) for plan in final.plans]
        else:
            found[name] += [Training(None, plan, State.WAITING) for plan in cell.plans]
    return found


def training_of(plan: TrialPlan, log: StudyLog) -> Training:
    record = log.records.get(plan.id)
    return Training(plan.id, plan, State.WAITING if record is None else record.state)


def _baseline_points(ablation: Ablation, values: dict[str, Any]) -> Iterator[str]:
    for design in ablation.design:
        if isinstance(design, Grid):
            for point in itertools.product(*design.factors.values()):
                pairs = list(zip(design.factors, point, strict=True))
                if all(values.get(path) == value for path, value in pairs):
                    yield ", ".join(f"{path}={value}" for path, value in pairs)

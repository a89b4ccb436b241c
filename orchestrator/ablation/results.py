"""What an ablation has found so far: every variant's cells, its effect and what that allows to say.

Pure but for the files of predictions, from which the score of every clip is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.ablation.cells import Cell, study_variants
from orchestrator.ablation.designs import Variant, baseline_name
from orchestrator.ablation.scores import CellScore, cell_score
from orchestrator.ablation.spec import Ablation, SeedRange
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Remembered, all_cells
from orchestrator.records import State, StudyLog, TrialRecord
from orchestrator.spec import Study
from orchestrator.stats.effects import Effect, contrast
from orchestrator.stats.factorial import Cell as FactorialCell
from orchestrator.stats.factorial import FactorialEffect, factorial_effects
from orchestrator.stats.racing import SeedRace
from orchestrator.stats.samples import Sample
from orchestrator.stats.verdicts import DEFAULT_MARGIN, Judgement, judge


@dataclass(frozen=True, eq=False)
class CellResult:
    """A cell's trainings, one a stream (None: not planned yet), and its score once all are done."""

    cell: Cell
    records: tuple[TrialRecord | None, ...]
    score: CellScore | None

    @property
    def is_failed(self) -> bool:
        return any(record is not None and record.state.is_failure for record in self.records)


@dataclass(frozen=True, eq=False)
class VariantResult:
    """A row of the table; `judgement` is against the baseline of its setting."""

    variant: Variant
    cells: tuple[CellResult, ...]
    sample: Sample | None
    judgement: Judgement | None = None

    @property
    def records(self) -> list[TrialRecord]:
        return [record for cell in self.cells for record in cell.records if record is not None]

    @property
    def num_open(self) -> int:
        return sum(cell.score is None and not cell.is_failed for cell in self.cells)

    @property
    def failed(self) -> list[CellResult]:
        return [cell for cell in self.cells if cell.is_failed]

    def figure(self, key: str) -> int | None:
        """`num_params` or `macs`: the sum over the variant's streams; None before one is done."""
        done = next((cell for cell in self.cells if cell.score is not None), None)
        if done is None:
            return None
        return sum(int(r.result[key]) for r in done.records if r is not None and r.result)


@dataclass(frozen=True, eq=False)
class Factors:
    """Main effects and interactions within one setting; none where cells are missing."""

    setting: str
    effects: tuple[tuple[FactorialEffect, Judgement], ...]


@dataclass(frozen=True, eq=False)
class AblationResults:
    """All rows in the order of the study, and what its components do."""

    study: Study
    rows: tuple[VariantResult, ...]
    factors: tuple[Factors, ...]

    @property
    def ablation(self) -> Ablation:
        assert self.study.spec.ablation is not None
        return self.study.spec.ablation

    @property
    def margin(self) -> float | None:
        return margin_of(self.study)

    @property
    def settings(self) -> list[str]:
        return list(self.ablation.settings) or [""]

    def of_setting(self, setting: str) -> list[VariantResult]:
        return [row for row in self.rows if row.variant.setting == setting]

    def row(self, name: str) -> VariantResult:
        return next(row for row in self.rows if row.variant.name == name)


def race_of(ablation: Ablation) -> SeedRace | None:
    seeds = ablation.seeds
    return SeedRace(seeds.min, seeds.max) if isinstance(seeds, SeedRange) else None


def margin_of(study: Study) -> float | None:
    """The stated one; of an accuracy one point by default, of a loss none."""
    ablation, metric = study.spec.ablation, study.spec.objective.metric
    assert ablation is not None
    return ablation.margin or (None if metric.endswith("/loss") else DEFAULT_MARGIN)


def results_of(
    study: Study, log: StudyLog, folder: StudyFolder, num_seeds: int | None = None
) -> AblationResults:
    """From the log and the saved predictions; of the first seeds only, as a race asks for."""
    done = (r.plan.id for r in log.records.values() if r.state is State.COMPLETE)
    folder.bring_predictions(done)
    cells = all_cells(study, Remembered(study, log.data), log)
    seen = (cell for cell in cells if num_seeds is None or cell.seed < num_seeds)
    found = [_cell_result(study, cell, log, folder) for cell in seen]
    rows = [_row(study, variant, found) for variant in study_variants(study)]
    assert study.spec.ablation is not None
    settings = list(study.spec.ablation.settings) or [""]
    factors = tuple(_factors(study, setting, rows) for setting in settings)
    return AblationResults(study, _judged(study, rows), factors)


def _cell_result(study: Study, cell: Cell, log: StudyLog, folder: StudyFolder) -> CellResult:
    records = tuple(log.records.get(plan.id) for plan in cell.plans)
    weights = list(cell.variant.streams.values()) or [1.0]
    objective, fuse = study.spec.objective, cell.variant.fuse
    return CellResult(cell, records, cell_score(records, weights, objective, folder.trials, fuse))


def _row(study: Study, variant: Variant, found: Iterable[CellResult]) -> VariantResult:
    """Seeds that a race has not come to are no cells of the row."""
    assert study.spec.ablation is not None
    first = study.spec.ablation.first_seeds
    mine = [cell for cell in found if cell.cell.variant.name == variant.name]
    cells = tuple(c for c in mine if c.cell.seed in first or all(c.records))
    return VariantResult(variant, cells, sample_of(cells))


def sample_of(cells: Sequence[CellResult]) -> Sample | None:
    """Of the cells that are done; clip by clip only where all of them saw the same clips."""
    done = [(cell.cell.seed, cell.score) for cell in cells if cell.score is not None]
    if not done:
        return None
    names = [score.names for _, score in done if score.names is not None]
    alike = len(names) == len(done) and all(np.array_equal(n, names[0]) for n in names)
    clips = np.stack([s.clips for _, s in done if s.clips is not None]) if alike else None
    values = np.array([score.value for _, score in done])
    return Sample(tuple(seed for seed, _ in done), values, clips)


def _judged(study: Study, rows: list[VariantResult]) -> tuple[VariantResult, ...]:
    """All differences to the baselines, judged together."""
    effects = {row.variant.name: _effect(study, row, rows) for row in rows}
    known = {name: effect for name, effect in effects.items() if effect is not None}
    judgements = dict(zip(known, _judge(study, list(known.values())), strict=True))
    return tuple(
        VariantResult(r.variant, r.cells, r.sample, judgements.get(r.variant.name)) for r in rows
    )


def _effect(study: Study, row: VariantResult, rows: list[VariantResult]) -> Effect | None:
    name = baseline_name(row.variant.setting)
    baseline = next(other.sample for other in rows if other.variant.name == name)
    if row.variant.is_baseline or row.sample is None or baseline is None:
        return None
    assert study.spec.ablation is not None
    terms = [(1.0, row.sample), (-1.0, baseline)]
    return contrast(terms, confidence=study.spec.ablation.confidence)


def _judge(study: Study, effects: list[Effect]) -> list[Judgement]:
    ablation, mode = study.spec.ablation, study.spec.objective.mode
    assert ablation is not None
    alpha = 1 - ablation.confidence
    return judge(effects, margin_of(study), alpha, mode=mode, race=race_of(ablation))


def factorial_cells(rows: Iterable[VariantResult]) -> list[FactorialCell]:
    """The variants of one setting that differ by levels alone."""
    return [
        FactorialCell(row.variant.levels, row.sample)
        for row in rows
        if row.sample is not None and (row.variant.levels or row.variant.is_baseline)
    ]


def _factors(study: Study, setting: str, rows: list[VariantResult]) -> Factors:
    """Those that the design and the cells that are done can tell apart."""
    assert study.spec.ablation is not None
    cells = factorial_cells(row for row in rows if row.variant.setting == setting)
    effects = factorial_effects(cells, confidence=study.spec.ablation.confidence)
    judged = _judge(study, [effect.effect for effect in effects])
    return Factors(setting, tuple(zip(effects, judged, strict=True)))

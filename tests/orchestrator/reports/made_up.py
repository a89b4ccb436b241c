"""Ablations that nobody ran: their results from the hits of every seed on every clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from orchestrator.ablation.cells import Cell, study_variants
from orchestrator.ablation.designs import Variant, baseline_name
from orchestrator.ablation.results import (
    AblationResults,
    CellResult,
    Factors,
    VariantResult,
    factorial_cells,
    margin_of,
    race_of,
    sample_of,
)
from orchestrator.ablation.scores import CellScore
from orchestrator.records import Role, State, TrialPlan, TrialRecord
from orchestrator.spec import Study
from orchestrator.stats.effects import contrast
from orchestrator.stats.factorial import factorial_effects
from orchestrator.stats.verdicts import judge

Hits = Mapping[str, Any]
"""By variant (S, C) hits, 0 or 1; None for a seed that failed, or is open where S is short."""

CVSTA_RDL = {
    "components": {
        "cvsta": {"off": {"model.cvsta": False}},
        "rdl": {"off": {"loss.embedding": None}},
    },
    "design": "factorial",
    "seeds": 3,
}


def draw(accuracy: float, *, seeds: int = 3, clips: int = 200, generator: int = 0) -> np.ndarray:
    """(S, C) hits; the same clips are the hard ones for every accuracy."""
    rng = np.random.default_rng(generator)
    hardness = rng.random(clips) + 0.05 * rng.standard_normal((seeds, clips))
    return (hardness < accuracy).astype(float)


def results_with(study: Study, hits: Hits, error: str = "Boom\nOut of memory") -> AblationResults:
    """Judged as a study is; variants that are not named have not been run."""
    variants = study_variants(study)
    rows = [_row(study, variant, hits.get(variant.name, []), error) for variant in variants]
    samples = {row.variant.name: row.sample for row in rows}
    effects = {}
    for row in rows:
        baseline = samples[baseline_name(row.variant.setting)]
        if row.sample is not None and baseline is not None and not row.variant.is_baseline:
            effects[row.variant.name] = contrast([(1.0, row.sample), (-1.0, baseline)])
    ablation, mode = study.spec.ablation, study.spec.objective.mode
    judged = judge(list(effects.values()), margin_of(study), mode=mode, race=race_of(ablation))
    by_name = dict(zip(effects, judged, strict=True))
    rows = [VariantResult(r.variant, r.cells, r.sample, by_name.get(r.variant.name)) for r in rows]
    settings = list(ablation.settings) or [""]
    return AblationResults(study, tuple(rows), tuple(_factors(study, s, rows) for s in settings))


def _factors(study: Study, setting: str, rows: list[VariantResult]) -> Factors:
    cells = factorial_cells(row for row in rows if row.variant.setting == setting)
    effects = factorial_effects(cells)
    mode = study.spec.objective.mode
    judged = judge([effect.effect for effect in effects], margin_of(study), mode=mode)
    return Factors(setting, tuple(zip(effects, judged, strict=True)))


def _row(study: Study, variant: Variant, hits: Any, error: str) -> VariantResult:
    seeds = study.spec.ablation.first_seeds
    given = [*hits, *["open"] * (len(seeds) - len(hits))]
    pairs = zip(seeds, given, strict=True)
    cells = tuple(_cell(study, variant, seed, of_seed, error) for seed, of_seed in pairs)
    return VariantResult(variant, cells, sample_of(cells))


def _cell(study: Study, variant: Variant, seed: int, hits: Any, error: str) -> CellResult:
    config = study.config({**variant.changes, "seed": seed}, variant.name).plain()
    name = f"{variant.name} seed {seed}"
    plan = TrialPlan(name, name, Role.CELL, variant.name, seed, variant.changes, config, "data")
    cell = Cell(variant, seed, (plan,))
    if isinstance(hits, str):
        return CellResult(cell, (None,), None)
    epochs = [{"epoch": 0, "epoch_seconds": 36.0}]
    if hits is None:
        return CellResult(cell, (TrialRecord(plan, State.FAILED, epochs, None, error),), None)
    clips = 100.0 * np.asarray(hits)
    costs = {"num_params": 33_770, "macs": 2_240_296}
    record = TrialRecord(plan, State.COMPLETE, epochs, costs, ended=1_000_000_000.0 + seed)
    names = np.array([f"clip {number}" for number in range(len(clips))])
    return CellResult(cell, (record,), CellScore(float(clips.mean()), clips, names))

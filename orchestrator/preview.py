"""What a study would run: nothing is started."""

from __future__ import annotations

from typing import Any

from orchestrator.cells import study_variants
from orchestrator.checks import check_models
from orchestrator.home import Home
from orchestrator.planning import Planner, first_cells
from orchestrator.records import StudyLog
from orchestrator.reports.table import Table
from orchestrator.search_preview import search_preview
from orchestrator.spec import Study


def preview(study: Study, planner: Planner, log: StudyLog, home: Home) -> Table:
    """Rows of variants or of the search space; raises `SpecError` for what cannot be built."""
    if study.spec.ablation is not None:
        return _ablation_preview(study, planner, log)
    return search_preview(study, planner, log, home)


def _ablation_preview(study: Study, planner: Planner, log: StudyLog) -> Table:
    ablation = study.spec.ablation
    assert ablation is not None
    cells = first_cells(study, planner, log)
    plans = [plan for cell in cells for plan in cell.plans]
    variants = study_variants(study)
    configs = {f"variant {v.name}": study.config(v.changes, v.name) for v in variants}
    models = check_models(study, planner, configs)
    rows = []
    for variant in variants:
        summary = models[f"variant {variant.name}"]
        mine = [plan.id for plan in plans if plan.variant == variant.name]
        done = sum(i in log.records and log.records[i].state.is_final for i in mine)
        rows.append(
            (
                variant.name,
                _told(variant.changes),
                f"{len(mine)} ({done} done)",
                f"{summary.num_params:,}",
                f"{summary.macs / 1e6:,.1f} M",
            )
        )
    columns = ("variant", "changes", "trials", "params", "MACs")
    seeds = ", ".join(map(str, ablation.first_seeds))
    done = sum(plan.id in log.records and log.records[plan.id].state.is_final for plan in plans)
    note = f"{len(plans)} trials, {done} done, seeds {seeds}, {study.baseline.epochs} epochs each."
    return Table(f"Study {study.spec.study}", columns, tuple(rows), (note,))


def _told(changes: dict[str, Any]) -> str:
    return ", ".join(f"{path}={value}" for path, value in changes.items())

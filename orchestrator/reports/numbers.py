"""Everything behind the tables as CSV, in full precision: a row a variant, a cell or a trial."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.ablation.results import AblationResults, CellResult, VariantResult
from orchestrator.objective import Objective
from orchestrator.records import TrialRecord
from orchestrator.reports.ablation import bold_variants
from orchestrator.reports.components import level_table
from orchestrator.reports.leaderboard import figures, ranked_by
from orchestrator.reports.links import RunLinks
from orchestrator.reports.ranking import num_seeds
from orchestrator.reports.wording import last_line
from orchestrator.stats.samples import summarize

Row = Mapping[str, Any]


def variants_csv(results: AblationResults) -> str:
    """A row a variant; figures that are not known are empty."""
    levels, bold = level_table(results), bold_variants(results)
    rows = [
        {
            "variant": row.variant.name,
            "setting": row.variant.setting,
            **levels[row.variant.name],
            **_values(row),
            "may_be_best": row.variant.name in bold,
            **_judged(row),
            "reported": _reported(results, row),
            "num_params": row.figure("num_params"),
            "macs": row.figure("macs"),
            "trained_seconds": sum(record.seconds for record in row.records),
        }
        for row in results.rows
    ]
    return _written(rows)


def cells_csv(results: AblationResults, links: RunLinks) -> str:
    """Tidy: a row a cell, one variant with one seed; its trainings are separated by blanks."""
    levels, metric = level_table(results), results.study.spec.objective.metric
    rows = [
        {
            "variant": row.variant.name,
            "setting": row.variant.setting,
            **levels[row.variant.name],
            "seed": cell.cell.seed,
            metric: None if cell.score is None else cell.score.value,
            **_trainings(cell, links),
        }
        for row in results.rows
        for cell in row.cells
    ]
    return _written(rows)


def trials_csv(
    records: Sequence[TrialRecord], objectives: Sequence[Objective], links: RunLinks
) -> str:
    """A row a trial of a search, from best to worst; those of a Pareto front first."""
    ranked, front = ranked_by(objectives, records)
    metrics = [objective.metric for objective in objectives]
    rows = [
        {
            "rank": rank,
            **({"front": record.plan.id in front} if len(objectives) > 1 else {}),
            "trial": record.plan.name,
            "trial_id": record.plan.id,
            "run_id": links.runs.get(record.plan.id),
            "state": record.state.value,
            **dict(zip(metrics, figures(record, objectives), strict=True)),
            "epochs": len(record.epochs),
            "trained_seconds": record.seconds,
            **{path: _plain(value) for path, value in record.plan.params.items()},
        }
        for rank, record in enumerate(ranked, start=1)
    ]
    return _written(rows)


def _values(row: VariantResult) -> Row:
    summary = None if row.sample is None else summarize(list(row.sample.values))
    return {
        "mean": summary and summary.mean,
        "std": summary and summary.std,
        "seeds": num_seeds(row),
        "open": row.num_open,
        "failed": len(row.failed),
    }


def _judged(row: VariantResult) -> Row:
    judgement = row.judgement
    low, high = (judgement and judgement.interval) or (None, None)
    effect = judgement and judgement.effect
    return {
        "difference": effect and effect.estimate,
        "low": low,
        "high": high,
        "p_value_holm": judgement and judgement.p_value,
        "verdict": judgement and judgement.verdict.value,
        "hedges_g": effect and effect.effect_size,
        "one_clip": effect and effect.resolution,
        "more_seeds": judgement and judgement.more_seeds,
        "clips_needed": judgement and judgement.clips_needed,
    }


def _reported(results: AblationResults, row: VariantResult) -> float | None:
    paper = results.ablation.paper
    return None if paper is None else paper.rows.get(row.variant.name)


def _trainings(cell: CellResult, links: RunLinks) -> Row:
    known = [record for record in cell.records if record is not None]
    errors = [last_line(record.error) for record in known if record.error]
    return {
        "state": _joined(record.state.value for record in known),
        "epochs": sum(len(record.epochs) for record in known),
        "trained_seconds": sum(record.seconds for record in known),
        "trial_ids": _joined(plan.id for plan in cell.cell.plans),
        "run_ids": _joined(links.runs.get(plan.id, "") for plan in cell.cell.plans),
        "error": "; ".join(errors),
    }


def _joined(words: Iterable[str]) -> str:
    return " ".join(words).strip()


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _written(rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()

"""Which variant or trial is in front."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.ablation.results import AblationResults, VariantResult
from orchestrator.records import State, TrialRecord
from orchestrator.spec import Objective


def best_variant(results: AblationResults) -> VariantResult | None:
    """The best mean over seeds, among the variants with the most of the first seeds complete.

    Seeds that a race adds do not count: it adds them where the verdict is open.
    """
    known = [row for row in results.rows if row.sample is not None]
    first = len(results.ablation.first_seeds)
    most = min(max((num_seeds(row) for row in known), default=0), first)
    complete = [row for row in known if num_seeds(row) >= most]
    pick = max if results.study.spec.objective.mode == "max" else min
    return pick(complete, key=_mean) if complete else None


def num_seeds(row: VariantResult) -> int:
    return len(row.sample.seeds) if row.sample is not None else 0


def _mean(row: VariantResult) -> float:
    assert row.sample is not None
    return float(row.sample.values.mean())


def ranking(records: Iterable[TrialRecord], objective: Objective) -> list[TrialRecord]:
    """Complete trials from best to worst, then stopped ones, then all others."""
    sign = -1 if objective.mode == "max" else 1
    places = {State.COMPLETE: 0, State.PRUNED: 1}

    def key(record: TrialRecord) -> tuple[int, bool, float]:
        value = record.best(objective.metric, objective.mode)
        return (places.get(record.state, 2), value is None, sign * (value or 0.0))

    return sorted(records, key=key)

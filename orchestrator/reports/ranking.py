"""Which variant or trial is in front."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.ablation.results import AblationResults, VariantResult
from orchestrator.records import State, TrialRecord
from orchestrator.spec import Objective


def complete_rows(results: AblationResults) -> list[VariantResult]:
    """The variants that can be compared by their means: those with most of the first seeds.

    Seeds that a race adds do not count: it adds them where the verdict is open. Of several settings
    the first counts: an easier one has higher figures, not better variants.
    """
    rows = results.of_setting(results.settings[0])
    known = [row for row in rows if row.sample is not None]
    first = len(results.ablation.first_seeds)
    most = min(max((num_seeds(row) for row in known), default=0), first)
    return [row for row in known if num_seeds(row) >= most]


def num_seeds(row: VariantResult) -> int:
    return len(row.sample.seeds) if row.sample is not None else 0


def ranking(records: Iterable[TrialRecord], objective: Objective) -> list[TrialRecord]:
    """Complete trials from best to worst, then stopped ones, then all others."""
    sign = -1 if objective.mode == "max" else 1
    places = {State.COMPLETE: 0, State.PRUNED: 1}

    def key(record: TrialRecord) -> tuple[int, bool, float]:
        value = record.best(objective.metric, objective.mode)
        return (places.get(record.state, 2), value is None, sign * (value or 0.0))

    return sorted(records, key=key)

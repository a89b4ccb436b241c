"""Ray's scheduler over a stop rule that remembers across restarts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from orchestrator.cluster.stopping import StopRule, rule_of
from orchestrator.engine.documents import Raw
from orchestrator.objective import Objective
from orchestrator.records import TrialPlan, TrialRecord
from orchestrator.search.scheduler_spec import Scheduler

_TIME = "training_iteration"


class ResumableScheduler(FIFOScheduler):
    """Asks a rule after each epoch, under the plans' own ids instead of Ray's.

    A trial that goes on after a restart tells its earlier epochs again; they were judged already
    and are not judged a second time.
    """

    def __init__(
        self, objective: Objective, rule: StopRule, plans: Mapping[str, TrialPlan]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._objective = objective
        self._rule = rule
        self._plans = plans
        self._told: dict[str, int] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return FIFOScheduler, ()

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Let the rule know every epoch that the log knows."""
        for record in records:
            for number, metrics in enumerate(record.epochs, start=1):
                self._judge(record.plan.id, number, metrics)

    def on_trial_result(self, controller: Any, trial: Any, result: Raw) -> str:
        name = self._plans[trial.trial_id].id
        stops = self._judge(name, result[_TIME], result)
        return str(TrialScheduler.STOP if stops else TrialScheduler.CONTINUE)

    def _judge(self, trial: str, epoch: int, metrics: Mapping[str, Any]) -> bool:
        if epoch <= self._told.get(trial, 0) or self._objective.metric not in metrics:
            return False
        self._told[trial] = epoch
        value = -self._objective.sign * metrics[self._objective.metric]
        return self._rule.judge(trial, epoch, value)


def scheduler_of(
    spec: Scheduler,
    objective: Objective,
    plans: Mapping[str, TrialPlan],
    records: Iterable[TrialRecord],
) -> TrialScheduler:
    """The scheduler, knowing what the records know."""
    if (rule := rule_of(spec)) is None:
        return FIFOScheduler()  # type: ignore[no-untyped-call]
    scheduler = ResumableScheduler(objective, rule, plans)
    scheduler.replay(records)
    return scheduler

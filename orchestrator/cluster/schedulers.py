"""Ray's scheduler over a stop rule that remembers across restarts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from orchestrator.cluster.stopping import StopRule, rule_of
from orchestrator.engine.documents import Raw
from orchestrator.interruption import Stop
from orchestrator.objective import Objective
from orchestrator.records import TrialPlan, TrialRecord
from orchestrator.search.scheduler_spec import Scheduler

METRICS = "metrics"
_TIME = "training_iteration"


def metrics_of(result: Raw) -> dict[str, float]:
    """Of an epoch, if the result tells one. They come in a list, which Ray does not look into: of
    each figure that it finds it keeps means and histories."""
    return dict(*result.get(METRICS, ()))


class ResumableScheduler(FIFOScheduler):
    """Asks a rule after each epoch, under the plans' own ids instead of Ray's.

    A trial that goes on after a restart tells its earlier epochs again; they were judged already
    and are not judged a second time. When a stop is wanted, nothing starts and what runs ends with
    its epoch, after it has been judged.
    """

    def __init__(
        self,
        objective: Objective,
        rule: StopRule | None,
        plans: Mapping[str, TrialPlan],
        stop: Stop,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._objective = objective
        self._rule = rule
        self._plans = plans
        self._stop = stop
        self._told: dict[str, int] = {}
        self._pruned: set[str] = set()
        self._waiting: deque[Any] = deque()

    def __reduce__(self) -> tuple[Any, ...]:
        return FIFOScheduler, ()

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Let the rule know every epoch that the log knows."""
        for record in records:
            for number, metrics in enumerate(record.epochs, start=1):
                self._judge(record.plan.id, number, metrics)

    def has_pruned(self, trial: str) -> bool:
        """By the last epoch that the trial has told."""
        return trial in self._pruned

    def on_trial_result(self, controller: Any, trial: Any, result: Raw) -> str:
        name = self._plans[trial.trial_id].id
        self._pruned.discard(name)
        if self._judge(name, result[_TIME], metrics_of(result)):
            self._pruned.add(name)
        is_over = name in self._pruned or self._stop.is_wanted
        return str(TrialScheduler.STOP if is_over else TrialScheduler.CONTINUE)

    def on_trial_complete(self, controller: Any, trial: Any, result: Raw) -> None:
        """The last epoch of all is told here alone."""
        if _TIME in result:
            self._judge(self._plans[trial.trial_id].id, result[_TIME], metrics_of(result))

    def on_trial_add(self, controller: Any, trial: Any) -> None:
        self._waiting.append(trial)

    def choose_trial_to_run(self, controller: Any) -> Any:
        """The first that waits, without a look at all that have ended."""
        while self._waiting and self._waiting[0].status != Trial.PENDING:
            self._waiting.popleft()
        if not self._stop.is_wanted:
            return self._waiting[0] if self._waiting else None
        for trial in self._waiting:
            if trial.status == Trial.PENDING:
                controller.stop_trial(trial)
        return None

    def _judge(self, trial: str, epoch: int, metrics: Mapping[str, Any]) -> bool:
        if self._rule is None or self._objective.metric not in metrics:
            return False
        if epoch <= self._told.get(trial, 0):
            return False
        self._told[trial] = epoch
        value = -self._objective.sign * metrics[self._objective.metric]
        return self._rule.judge(trial, epoch, value)


def scheduler_of(
    spec: Scheduler,
    objective: Objective,
    plans: Mapping[str, TrialPlan],
    records: Iterable[TrialRecord],
    stop: Stop,
) -> ResumableScheduler:
    """The scheduler, knowing what the records know."""
    scheduler = ResumableScheduler(objective, rule_of(spec), plans, stop)
    scheduler.replay(records)
    return scheduler

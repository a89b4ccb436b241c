"""Asynchronous successive halving that remembers across restarts (Li et al., MLSys 2020)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from orchestrator.engine.documents import Raw
from orchestrator.records import TrialPlan, TrialRecord
from orchestrator.search_spec import ASHAScheduler
from orchestrator.spec import Objective

_TIME = "training_iteration"
_NO_LIMIT = 10**6  # epochs: a trial ends by itself, not by the scheduler


class _Named:
    """A trial as far as ASHA looks at it, under the name that it has in every run of the study."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id


class ResumableASHA(AsyncHyperBandScheduler):
    """ASHA whose rungs are filled from the log, under the plans' ids instead of Ray's.

    A trial that goes on after a restart tells its earlier epochs again; they were judged already
    and are not judged a second time.
    """

    def __init__(
        self, objective: Objective, spec: ASHAScheduler, plans: dict[str, TrialPlan]
    ) -> None:
        super().__init__(
            time_attr=_TIME,
            metric=objective.metric,
            mode=objective.mode,
            grace_period=spec.grace_epochs,
            reduction_factor=spec.reduction_factor,
            max_t=_NO_LIMIT,
            brackets=1,
        )
        self._plans = plans
        self._told: dict[str, int] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return FIFOScheduler, ()

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Let the rungs know every epoch that the log knows."""
        for record in records:
            named: Any = _Named(record.plan.id)
            super().on_trial_add(None, named)  # type: ignore[arg-type]
            for number, metrics in enumerate(record.epochs, start=1):
                super().on_trial_result(None, named, {_TIME: number, **metrics})  # type: ignore[arg-type]
            super().on_trial_remove(None, named)  # type: ignore[arg-type]
            self._told[record.plan.id] = len(record.epochs)

    def on_trial_add(self, controller: Any, trial: Any) -> None:
        super().on_trial_add(controller, self._named(trial))

    def on_trial_result(self, controller: Any, trial: Any, result: Raw) -> str:
        named = self._named(trial)
        if result[_TIME] <= self._told.get(named.trial_id, 0):
            return str(TrialScheduler.CONTINUE)
        return str(super().on_trial_result(controller, named, result))

    def on_trial_complete(self, controller: Any, trial: Any, result: Raw) -> None:
        super().on_trial_complete(controller, self._named(trial), result)

    def on_trial_remove(self, controller: Any, trial: Any) -> None:
        super().on_trial_remove(controller, self._named(trial))

    def _named(self, trial: Any) -> Any:
        return _Named(self._plans[trial.trial_id].id)

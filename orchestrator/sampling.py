"""Proposing parameters: the only door to Optuna.

The Optuna study lives in memory and is rebuilt from the trial log. Every suggestion is drawn with
its own seed, from the search's seed and the trial's number, so that after a restart the sampler
goes on as it would have gone on.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import TrialState as OptunaState

from orchestrator.records import State, TrialRecord
from orchestrator.search_spec import Search, TPESampler
from orchestrator.space import Domain, Params, grid_points, in_space, is_active, label_of

optuna.logging.set_verbosity(optuna.logging.WARNING)

_STATES = {
    State.COMPLETE: OptunaState.COMPLETE,
    State.PRUNED: OptunaState.PRUNED,
    State.DIVERGED: OptunaState.FAIL,
    State.FAILED: OptunaState.FAIL,
}
_ATTEMPTS = 50


class Proposals:
    """Optuna asked for parameters and told what became of them; trials are named by their id."""

    def __init__(self, search: Search, metric: str, mode: str, fixed: Mapping[str, Any]) -> None:
        self.search = search
        self.metric = metric
        self.mode = mode
        self.fixed = fixed
        better = StudyDirection.MAXIMIZE if mode == "max" else StudyDirection.MINIMIZE
        self.study = optuna.create_study(direction=better)
        self._open: dict[str, optuna.Trial] = {}
        is_grid = search.sampler.name == "grid"
        self._grid = deque(grid_points(search.space, fixed)) if is_grid else None
        self.num_points = len(self._grid) if self._grid is not None else math.inf
        """How many points the space has to offer at most."""
        self.attempts = max(_ATTEMPTS, len(self._grid or ()))
        """How many suggestions in a row may be known already before the space counts as empty."""

    def ask(self, number: int, attempt: int) -> tuple[optuna.Trial, Params] | None:
        """The search's point `number`, or None where a grid has no more."""
        if self._grid is not None:
            return self._ask_for(self._grid.popleft()) if self._grid else None
        seed = np.random.SeedSequence([self.search.seed, number, attempt]).generate_state(1)[0]
        self.study.sampler = self._sampler(int(seed))
        trial = self.study.ask()
        return trial, self._suggest(trial)

    def accept(self, trial: optuna.Trial, trial_id: str) -> None:
        """The suggestion will be trained under this name."""
        self._open[trial_id] = trial

    def refuse(self, trial: optuna.Trial) -> None:
        """The suggestion is known already; samplers pass over failed trials."""
        self.study.tell(trial, state=OptunaState.FAIL)

    def report(self, trial_id: str, epoch: int, value: float) -> None:
        self._open[trial_id].report(value, epoch)

    def tell(self, record: TrialRecord) -> None:
        """A complete trial is worth its best epoch; a stopped one is pruned, whatever its value."""
        trial = self._open.pop(record.plan.id)
        state = _STATES[record.state]
        value = record.best(self.metric, self.mode) if state is OptunaState.COMPLETE else None
        self.study.tell(trial, value, state)

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Tell again what an earlier run told, in the order of planning.

        Trials whose parameters are no longer in the space are passed over.
        """
        for record in records:
            params = record.plan.params
            if not in_space(self.search.space, params, self.fixed):
                continue
            trial, _ = self._ask_for(params)
            self.accept(trial, record.plan.id)
            for metrics in record.epochs:
                if self.metric in metrics:
                    trial.report(metrics[self.metric], int(metrics["epoch"]))
            if record.state.is_final:
                self.tell(record)

    def _ask_for(self, params: Params) -> tuple[optuna.Trial, Params]:
        self.study.enqueue_trial({path: label_of(value) for path, value in params.items()})
        trial = self.study.ask()
        return trial, self._suggest(trial)

    def _suggest(self, trial: optuna.Trial) -> Params:
        """Every active path of the space, in the order of the file."""
        params: Params = {}
        for path, domain in self.search.space.items():
            if is_active(domain, params, self.fixed):
                label = trial._suggest(path, distribution_of(domain))
                params[path] = value_of(domain, label)
        return params

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        spec = self.search.sampler
        if not isinstance(spec, TPESampler):
            return optuna.samplers.RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                n_startup_trials=spec.startup_trials,
                n_ei_candidates=spec.candidates,
                multivariate=True,
                group=True,
                constant_liar=True,
                seed=seed,
            )


def distribution_of(domain: Domain) -> BaseDistribution:
    if domain.choice is not None:
        return CategoricalDistribution(domain.labels)
    if domain.int_range is not None:
        first, last = domain.int_range
        return IntDistribution(first, last, log=domain.log, step=int(domain.step or 1))
    low, high = domain.bounds
    return FloatDistribution(low, high, log=domain.log, step=domain.step)


def value_of(domain: Domain, label: Any) -> Any:
    """The choice that a label stands for; numbers stand for themselves."""
    return label if domain.choice is None else domain.choice[domain.labels.index(label)]

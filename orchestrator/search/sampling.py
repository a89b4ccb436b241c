"""Proposing parameters: points that are listed, or drawn by Optuna or CMA-ES.

The Optuna study lives in memory and is rebuilt from the trial log. Every suggestion is drawn with
its own seed, from the search's seed and the trial's number, so that after a restart the sampler
goes on as it would have gone on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from orchestrator.objective import Objective, values_of
from orchestrator.records import State, TrialRecord
from orchestrator.search.cma import Individual, Worth, next_point
from orchestrator.search.optuna_samplers import NUMBER, sampler_of
from orchestrator.search.point_lists import listed_points
from orchestrator.search.sampler_spec import CMAESSampler, RandomSampler
from orchestrator.search.space import Domain, Params, is_active, label_of, point_at
from orchestrator.search.spec import Search

optuna.logging.set_verbosity(optuna.logging.WARNING)

_STATES = {
    State.COMPLETE: OptunaState.COMPLETE,
    State.PRUNED: OptunaState.PRUNED,
    State.DIVERGED: OptunaState.FAIL,
    State.FAILED: OptunaState.FAIL,
    State.OUT_OF_MEMORY: OptunaState.FAIL,
}
_DRAWN_TOGETHER = "tpe:relative_params:0"
"""Where Optuna's TPE keeps what it drew for an open trial, inactive paths included. No log knows
these, so they are forgotten: a search goes on after a restart as without one."""
_RANDOM = RandomSampler(name="random")
_ATTEMPTS, _MANY_ATTEMPTS = 50, 1000
_ATTEMPTS_OF_THE_SAMPLER = 20
"""After so many refusals in a row, points are drawn at random."""


class Proposals:
    """A sampler asked for parameters and told what became of them; trials are named by their id."""

    def __init__(
        self, search: Search, objectives: Sequence[Objective], fixed: Mapping[str, Any]
    ) -> None:
        self.search = search
        self.objectives = objectives
        self.fixed = fixed
        self.study = optuna.create_study(
            directions=["maximize" if o.mode == "max" else "minimize" for o in objectives],
            sampler=sampler_of(_RANDOM, search.seed, 0),
        )
        self._open: dict[str, optuna.Trial] = {}
        self._tried: list[Params] = []
        self.learnt: list[Params] = []
        """Points that other studies have trained."""
        self._listed = listed_points(search, fixed)
        self._first = search.resolved_points(fixed)
        is_grid = search.sampler.name == "grid"
        self.num_points = sum(1 for _ in search.grid(fixed)) if is_grid else math.inf
        """How many points the space has to offer at most."""

    @property
    def attempts(self) -> int:
        """How many suggestions in a row may be refused before the space counts as empty."""
        if self._listed is not None or self.search.constraints:
            return int(min(max(_ATTEMPTS, self.num_points), _MANY_ATTEMPTS))
        return _ATTEMPTS

    def ask(self, number: int, attempt: int) -> tuple[optuna.Trial, Params] | None:
        """The search's point `number`, or None where a list has no more."""
        seed = self._seed(number, attempt)
        is_stuck = attempt >= _ATTEMPTS_OF_THE_SAMPLER
        given = None if is_stuck else self._untried_point()
        if self._listed is not None and given is None:
            point = next((p for p in self._listed if p not in self._tried), None)
            return None if point is None else self._ask_for(point)
        sampler = _RANDOM if is_stuck else self.search.sampler
        if isinstance(sampler, CMAESSampler) and given is None:
            return self._ask_for(self._evolved(sampler, seed))
        self.study.sampler = sampler_of(sampler, seed, number)
        return self._ask_for(given or {})

    def accept(self, trial: optuna.Trial, trial_id: str, params: Params) -> None:
        """The suggestion will be trained under this name."""
        trial.set_user_attr(NUMBER, len(self._tried))
        self._tried.append(params)
        self._open[trial_id] = trial

    def refuse(self, trial: optuna.Trial) -> None:
        """The suggestion is known already; samplers pass over failed trials."""
        self.study.tell(trial, state=OptunaState.FAIL)

    def report(self, trial_id: str, epoch: int, value: float) -> None:
        """Optuna takes epochs of searches with one objective only."""
        if len(self.objectives) == 1:
            self._open[trial_id].report(value, epoch)

    def tell(self, record: TrialRecord) -> None:
        """A complete trial is worth its best epoch; a stopped one is pruned, whatever its value."""
        trial = self._open.pop(record.plan.id)
        values = values_of(record, self.objectives)
        is_useless = record.state is State.COMPLETE and values is None
        self.study.tell(trial, values, OptunaState.FAIL if is_useless else _STATES[record.state])

    def learn(self, earlier: Iterable[tuple[Params, Sequence[float]]]) -> None:
        """Points of other studies and their values: known from the start, no trials of this one."""
        for params, values in earlier:
            self.learnt.append(params)
            space = {path: distribution_of(self.search.space[path]) for path in params}
            labels = {path: label_of(value) for path, value in params.items()}
            self.study.add_trial(
                optuna.trial.create_trial(
                    params=labels, distributions=space, values=values, user_attrs={NUMBER: -1}
                )
            )

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Tell again what an earlier run told, in the order of planning.

        Trials that the search would no longer propose are passed over.
        """
        metric = self.objectives[0].metric
        for record in records:
            params = record.plan.params
            if not self.search.allows(params, self.fixed):
                continue
            trial, _ = self._ask_for(params)
            self.accept(trial, record.plan.id, params)
            for metrics in record.epochs:
                if metric in metrics:
                    self.report(record.plan.id, int(metrics["epoch"]), metrics[metric])
            if record.state.is_final:
                self.tell(record)

    def _seed(self, number: int, attempt: int) -> int:
        sequence = np.random.SeedSequence([self.search.seed, number, attempt])
        return int(sequence.generate_state(1)[0])

    def _untried_point(self) -> Params | None:
        """The first of the points to try first that no trial agrees with, here or elsewhere."""
        known = [*self._tried, *self.learnt]
        is_new = (not any(p.items() <= tried.items() for tried in known) for p in self._first)
        return next(itertools.compress(self._first, is_new), None)

    def _evolved(self, sampler: CMAESSampler, seed: int) -> Params:
        """The next point by CMA-ES."""
        trials = self.study.get_trials(deepcopy=False)
        known = [trial for trial in trials if NUMBER in trial.user_attrs]
        own = [self._individual(trial) for trial in known if trial.user_attrs[NUMBER] >= 0]
        earlier = [self._individual(trial) for trial in known if trial.user_attrs[NUMBER] < 0]
        space = self.search.space
        return point_at(space, next_point(sampler, len(space), own, earlier, seed), self.fixed)

    def _individual(self, trial: FrozenTrial) -> Individual:
        shares = [domain.share(trial.params[path]) for path, domain in self.search.space.items()]
        return Individual(shares, self._worth(trial))

    def _worth(self, trial: FrozenTrial) -> Worth | None:
        """Complete trials by their value, then stopped ones by how far they came, then failed."""
        sign = self.objectives[0].sign
        match trial.state:
            case OptunaState.COMPLETE:
                return (0, sign * trial.values[0])
            case OptunaState.PRUNED:
                last = trial.last_step
                value = 0.0 if last is None else sign * trial.intermediate_values[last]
                return (1, -(last or 0), value)
            case OptunaState.FAIL:
                return (2,)
        return None

    def _ask_for(self, given: Params) -> tuple[optuna.Trial, Params]:
        """A trial with these parameters; the study's sampler adds what is not given."""
        if given:
            self.study.enqueue_trial({path: label_of(value) for path, value in given.items()})
        trial = self.study.ask()
        params = self._suggest(trial)
        self.study._storage.set_trial_system_attr(trial._trial_id, _DRAWN_TOGETHER, "")
        return trial, params

    def _suggest(self, trial: optuna.Trial) -> Params:
        """Every active path of the space, in the order of the file."""
        params: Params = {}
        for path, domain in self.search.space.items():
            if is_active(domain, params, self.fixed):
                label = trial._suggest(path, distribution_of(domain))
                params[path] = value_of(domain, label)
        return params


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

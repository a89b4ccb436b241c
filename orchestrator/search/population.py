"""Population based training by generations: who goes on from whom, and with which parameters.

Jaderberg et al., Population Based Training of Neural Networks, 2017, with a barrier after every
generation. Everything is drawn from (search seed, generation, place) and follows from what the
generation before came to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

from orchestrator.ablation.spec import Changes
from orchestrator.engine.documents import Raw
from orchestrator.objective import Objective
from orchestrator.records import State, TrialPlan, TrialRecord
from orchestrator.search.scheduler_spec import PBTScheduler
from orchestrator.search.space import Domain, Params, is_active
from orchestrator.search.spec import Search
from orchestrator.spec import Study

_REDRAWN = 0.25
"""How often a copy draws a choice anew, for choices have no neighbours."""
_ATTEMPTS = 50


@dataclass(frozen=True)
class Population:
    """Members by place; trial `number` is place `number % size` of generation `number // size`."""

    size: int
    generations: int
    epochs: int
    """Of one trial: a generation long."""
    first_seed: int

    def changes(self, number: int, params: Params, weights: Raw | None) -> Changes:
        """To the study's trial; the first generation starts as that one does."""
        own = {**params, "epochs": self.epochs, "seed": self.first_seed + number}
        return own if number < self.size else {**own, "init_weights": weights}

    def number_of(self, plan: TrialPlan) -> int | None:
        """None for a seed that no trial of this population has."""
        number = plan.seed - self.first_seed
        return number if 0 <= number < self.size * self.generations else None


def population_of(study: Study) -> Population | None:
    """None where the study is no population based training."""
    search, trial = study.spec.search, study.baseline
    if search is None or not isinstance(search.scheduler, PBTScheduler):
        return None
    generations = search.scheduler.generations
    return Population(
        search.trials // generations, generations, trial.epochs // generations, trial.seed
    )


def changes_of(study: Study, plan: TrialPlan) -> Changes | None:
    """What a trial of the search changes in the study's trial; None if it cannot be one today.

    Initial weights are the plan's: what they are was known when its parent had ended.
    """
    population = population_of(study)
    if population is None:
        return plan.params
    number = population.number_of(plan)
    if number is None:
        return None
    return population.changes(number, plan.params, plan.config["init_weights"])


def worth_of(record: TrialRecord, objective: Objective) -> float | None:
    """At the last epoch, whose weights are handed on: the more, the better.

    None for a trial that has no such weights, for it failed or diverged.
    """
    values = record.values(objective.metric)
    if record.state is not State.COMPLETE or not values:
        return None
    return -objective.sign * values[-1]


class Member(NamedTuple):
    """What a place trains next, from the weights of a place of the generation before."""

    parent: int
    params: Params


@dataclass(frozen=True)
class Breeding:
    """From generation to generation: the worst copy the best and explore, the others go on."""

    search: Search
    fixed: Mapping[str, Any]
    allows: Callable[[Params], bool]

    def heirs(
        self, generation: int, params: Sequence[Params], worth: Sequence[float | None]
    ) -> list[Member]:
        """The members of a generation, after one with these parameters that came to so much.

        Nobody where all have failed.
        """
        best, worst = quantiles(worth, self._scheduler.quantile)
        members = [Member(place, own) for place, own in enumerate(params)]
        for place in worst if best else ():
            draws = np.random.default_rng([self.search.seed, generation, place])
            parent = best[int(draws.integers(len(best)))]
            members[place] = Member(parent, self.explored(params[parent], draws))
        return members if best else []

    def explored(self, params: Params, draws: Generator) -> Params:
        """The parameters perturbed; as they are where whatever is tried is not allowed."""
        tried = (self._perturbed(params, draws) for _ in range(_ATTEMPTS))
        return next((point for point in tried if self.allows(point)), params)

    def _perturbed(self, params: Params, draws: Generator) -> Params:
        """A path that becomes active is drawn from its whole domain."""
        point: Params = {}
        for path, domain in self.search.space.items():
            if is_active(domain, point, self.fixed):
                is_new = path not in params
                drawn = domain.at(draws.random())
                point[path] = drawn if is_new else self._moved(domain, params[path], draws)
        return point

    def _moved(self, domain: Domain, value: Any, draws: Generator) -> Any:
        if domain.choice is not None:
            return domain.at(draws.random()) if draws.random() < _REDRAWN else value
        factors = self._scheduler.factors
        return domain.nearest(value * factors[int(draws.integers(len(factors)))])

    @property
    def _scheduler(self) -> PBTScheduler:
        assert isinstance(self.search.scheduler, PBTScheduler)
        return self.search.scheduler


def quantiles(worth: Sequence[float | None], share: float) -> tuple[list[int], list[int]]:
    """The places of the best, who are copied, and of the worst, who copy: at least one of each.

    Those without worth are among the worst, however many they are.
    """
    alive = {place: value for place, value in enumerate(worth) if value is not None}
    ranked = sorted(alive, key=lambda place: -alive[place])
    ranked += [place for place in range(len(worth)) if place not in alive]
    count = min(max(1, round(share * len(worth))), len(worth) // 2)
    best = [place for place in ranked[:count] if place in alive]
    return best, ranked[min(len(worth) - count, len(alive)) :]

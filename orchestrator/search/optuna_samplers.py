"""Optuna's samplers, every argument said: proposals follow from what was told and a seed."""

from __future__ import annotations

import warnings

import optuna
from optuna.samplers import BaseSampler
from optuna.samplers.nsgaii import UniformCrossover
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from orchestrator.search.sampler_spec import GPSampler, NSGA2Sampler, Sampler, TPESampler

NUMBER = "number"
"""The trial's place in the search, from 0; -1 for trials of earlier studies."""


def sampler_of(sampler: Sampler, seed: int, number: int) -> BaseSampler:
    """A fresh sampler for the search's point `number`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match sampler:
            case TPESampler():
                return _tpe(sampler, seed)
            case GPSampler():
                return _gp(sampler, seed)
            case NSGA2Sampler():
                return _Generations(sampler, seed, number)
    return optuna.samplers.RandomSampler(seed=seed)


def _tpe(sampler: TPESampler, seed: int) -> BaseSampler:
    return optuna.samplers.TPESampler(
        n_startup_trials=sampler.startup_trials,
        n_ei_candidates=sampler.candidates,
        multivariate=True,
        group=True,
        constant_liar=True,
        seed=seed,
    )


def _gp(sampler: GPSampler, seed: int) -> BaseSampler:
    return optuna.samplers.GPSampler(
        n_startup_trials=sampler.startup_trials,
        deterministic_objective=False,
        independent_sampler=optuna.samplers.RandomSampler(seed=seed),
        warn_independent_sampling=False,
        seed=seed,
    )


class _Generations(optuna.samplers.NSGAIISampler):
    """NSGA-II whose generations follow from the trials' numbers: nothing has to be kept.

    Optuna writes generations and parents into the study as it goes, which a restart would lose.
    Trials of earlier studies are the generation before the first.
    """

    def __init__(self, sampler: NSGA2Sampler, seed: int, number: int) -> None:
        super().__init__(
            population_size=sampler.population,
            mutation=None,
            mutation_prob=sampler.mutation,
            crossover=UniformCrossover(swapping_prob=0.5),
            crossover_prob=sampler.crossover,
            swapping_prob=0.5,
            seed=seed,
        )
        self._size = sampler.population
        self._number = number

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        number: int = trial.user_attrs.get(NUMBER, self._number)
        return number // self._size

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        complete = study.get_trials(deepcopy=False, states=(OptunaState.COMPLETE,))
        return [t for t in complete if self.get_trial_generation(study, t) == generation]

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Fewer than two have no children: the trial that is asked for is drawn at random then."""
        parents = self.select_parent(study, generation) if generation >= 0 else []
        is_asked_for = generation == self._number // self._size
        return parents if len(parents) >= 2 or not is_asked_for else []

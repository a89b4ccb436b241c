"""Covariance matrix adaptation as a function of the trials so far (Hansen, arXiv 1604.00772).

A trial's number says its generation. The distribution is led through all generations whose trials
have ended; what runs at the same time as its elders is drawn from theirs. CMA-ES looks at ranks
alone, so trials that were stopped early or came to nothing have a place, too: behind the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator.search.sampler_spec import CMAESSampler

if TYPE_CHECKING:
    from cmaes import CMA

FloatArray = NDArray[np.float64]
Worth = tuple[float, ...]
"""Kind of ending, then what tells such endings apart: the smaller, the better."""

_ENOUGH_TO_START_WARM = 10


@dataclass(frozen=True)
class Individual:
    """A point of the unit cube, and what became of it; None while it is being trained."""

    shares: Sequence[float]
    worth: Worth | None


def next_point(
    spec: CMAESSampler,
    num_paths: int,
    individuals: Sequence[Individual],
    earlier: Sequence[Individual],
    seed: int,
) -> list[float]:
    """A point of the unit cube. `earlier` ones, if enough, say where to begin (WS-CMA-ES)."""
    optimizer = _fresh(spec, num_paths, earlier, seed)
    size = optimizer.population_size
    for start in range(0, len(individuals) - size + 1, size):
        generation = individuals[start : start + size]
        if any(individual.worth is None for individual in generation):
            break
        optimizer.tell(_ranked(generation))
    point: list[float] = optimizer.ask().tolist()
    return point


def _fresh(spec: CMAESSampler, num_paths: int, earlier: Sequence[Individual], seed: int) -> CMA:
    import cmaes  # half a second

    mean, sigma, covariance = np.full(num_paths, 0.5), spec.sigma, None
    if len(earlier) >= _ENOUGH_TO_START_WARM:
        mean, sigma, covariance = cmaes.get_warm_start_mgd(_ranked(earlier), gamma=0.1, alpha=0.1)
    return cmaes.CMA(
        mean=np.clip(mean, 0.0, 1.0),
        sigma=sigma,
        bounds=np.tile([0.0, 1.0], (num_paths, 1)),
        n_max_resampling=100,
        seed=seed,
        population_size=spec.population,
        cov=covariance,
        lr_adapt=False,
    )


def _ranked(individuals: Sequence[Individual]) -> list[tuple[FloatArray, float]]:
    """Points with the place of their worth among all; equals share one."""
    worths = [individual.worth for individual in individuals if individual.worth is not None]
    places = {worth: float(place) for place, worth in enumerate(sorted(set(worths)))}
    return [
        (np.array(individual.shares), places[individual.worth])
        for individual in individuals
        if individual.worth is not None
    ]

"""Samplers that look at nothing: lists of points, the same after every restart."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.search.sampler_spec import GridSampler, QuasiRandomSampler
from orchestrator.search.space import Params, point_at
from orchestrator.search.spec import Search

_DRAWS = 1000


def listed_points(search: Search, fixed: Mapping[str, Any]) -> Iterator[Params] | None:
    """The points that the search allows, in order; None for a sampler that makes them up later."""
    match search.sampler:
        case GridSampler():
            return search.grid(fixed)
        case QuasiRandomSampler(sequence=sequence):
            return _quasi_random(search, fixed, sequence)
    return None


def _quasi_random(search: Search, fixed: Mapping[str, Any], sequence: str) -> Iterator[Params]:
    """Ends after many draws in a row that are not allowed, or that came before."""
    from scipy.stats import qmc  # takes a second, and most studies have no use for it

    kind = qmc.Sobol if sequence == "sobol" else qmc.Halton
    engine = kind(d=len(search.space), scramble=True, rng=search.seed)
    seen: set[str] = set()
    last_new = 0
    for number in itertools.count():
        point = point_at(search.space, engine.random(1)[0].tolist(), fixed)
        key = json.dumps(point)
        if key not in seen and search.allows(point, fixed):
            last_new = number
            seen.add(key)
            yield point
        elif number - last_new >= _DRAWS:
            return


def allowed_share(search: Search, fixed: Mapping[str, Any], draws: int = 1024) -> float:
    """How much of the space its constraints leave, estimated by evenly spread points."""
    from scipy.stats import qmc

    engine = qmc.Sobol(d=len(search.space), scramble=True, rng=0)
    points = (point_at(search.space, shares, fixed) for shares in engine.random(draws).tolist())
    return sum(search.allows(point, fixed) for point in points) / draws

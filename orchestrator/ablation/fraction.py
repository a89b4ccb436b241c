"""Regular two-level fractional factorials of a stated resolution (Box and Hunter, 1961)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

Run = tuple[bool, ...]


def fraction(num_factors: int, resolution: int) -> list[Run]:
    """The fewest runs 2^(k-p) of k factors, True for the high level; one run has all of them high.

    A factor beyond the first k-p is the product of some of these (its generator, a bit mask). The
    resolution is the length of the shortest word in the group that the generators span.
    """
    for num_basic in range(1, num_factors + 1):
        generators = _generators(num_basic, num_factors - num_basic, resolution)
        if generators is not None:
            return [_run(signs, generators) for signs in _basic_runs(num_basic)]
    raise AssertionError("the full factorial has every resolution")


def _generators(num_basic: int, num_generated: int, resolution: int) -> list[int] | None:
    """Depth first; `group` has every product of the chosen generators and how many it is of."""
    candidates = [m for m in range(2**num_basic) if m.bit_count() >= resolution - 1]

    def extended(chosen: list[int], group: list[tuple[int, int]], start: int) -> list[int] | None:
        if len(chosen) == num_generated:
            return chosen
        for place in range(start, len(candidates)):
            mask = candidates[place]
            words = [(mask ^ word, count + 1) for word, count in group]
            if all(word.bit_count() + count >= resolution for word, count in words):
                found = extended([*chosen, mask], group + words, place + 1)
                if found is not None:
                    return found
        return None

    return extended([], [(0, 0)], 0)


def _basic_runs(num_basic: int) -> Iterator[Run]:
    return itertools.product((True, False), repeat=num_basic)


def _run(basic: Run, generators: list[int]) -> Run:
    of = ([i for i in range(len(basic)) if mask >> i & 1] for mask in generators)
    return (*basic, *(_is_high(basic, factors) for factors in of))


def _is_high(run: Run, factors: tuple[int, ...] | list[int]) -> bool:
    """The sign of a product: high where an even number of its factors is low."""
    return math.prod(1 if run[factor] else -1 for factor in factors) > 0

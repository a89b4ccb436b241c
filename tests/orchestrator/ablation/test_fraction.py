import itertools

import numpy as np
import pytest

from orchestrator.ablation.fraction import fraction


def signs(num_factors: int, resolution: int) -> np.ndarray:
    """Runs x factors, 1 and -1."""
    return np.where(np.array(fraction(num_factors, resolution)), 1, -1)


@pytest.mark.parametrize(
    ("num_factors", "resolution", "num_runs"),
    [(3, 4, 8), (4, 4, 8), (5, 4, 16), (6, 4, 16), (8, 4, 16), (5, 5, 16), (6, 5, 32), (8, 5, 64)],
)
def test_it_has_as_few_runs_as_the_tables_of_designs_say(num_factors, resolution, num_runs):
    """Montgomery, Design and Analysis of Experiments, table of 2^(k-p) designs."""
    assert len(set(fraction(num_factors, resolution))) == num_runs


@pytest.mark.parametrize("num_factors", range(1, 9))
def test_one_run_has_all_factors_high(num_factors):
    assert (True,) * num_factors in fraction(num_factors, 4)


@pytest.mark.parametrize("num_factors", range(3, 9))
def test_main_effects_are_clear_of_two_way_interactions_at_resolution_four(num_factors):
    runs = signs(num_factors, 4)
    pairs = np.stack(
        [runs[:, a] * runs[:, b] for a, b in itertools.combinations(range(num_factors), 2)]
    )

    assert not (pairs @ runs).any()
    assert not runs.sum(axis=0).any()


@pytest.mark.parametrize("num_factors", range(3, 9))
def test_two_way_interactions_are_clear_of_each_other_at_resolution_five(num_factors):
    runs = signs(num_factors, 5)
    pairs = np.stack(
        [runs[:, a] * runs[:, b] for a, b in itertools.combinations(range(num_factors), 2)]
    )

    products = pairs @ pairs.T
    assert not (products - np.diag(np.diag(products))).any()

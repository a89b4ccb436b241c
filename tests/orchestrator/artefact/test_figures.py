"""Figures with intervals over the clips."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from orchestrator.artefact.figures import measure

LABELS = np.array([0] * 8 + [1] * 2)


def probabilities(right: list[bool]) -> np.ndarray:
    """Two classes: 0.8 for the right one, or for the wrong one."""
    own = np.where(right, 0.8, 0.2)
    return np.where(LABELS[:, None] == np.arange(2), own[:, None], 1 - own[:, None])


def test_figures_are_counted_by_hand():
    found = measure(LABELS, probabilities([True] * 7 + [False] + [True, False]))

    assert found.top1.value == pytest.approx(80.0)
    assert found.top5.value == pytest.approx(100.0)
    assert found.mean_class.value == pytest.approx((700 / 8 + 50) / 2)
    assert found.loss.value == pytest.approx(-(8 * np.log(0.8) + 2 * np.log(0.2)) / 10)
    assert found.per_class == (pytest.approx(87.5), pytest.approx(50.0))


def test_the_interval_of_a_share_is_wilsons():
    found = measure(LABELS, probabilities([True] * 8 + [False] * 2))

    low, high = proportion_confint(8, 10, method="wilson")
    assert (found.top1.low, found.top1.high) == pytest.approx((100 * low, 100 * high))


def test_even_without_an_error_the_intervals_have_width():
    found = measure(LABELS, probabilities([True] * 10))

    assert found.top1.low < 80 < found.top1.high
    assert found.mean_class.low < 90 < found.mean_class.high <= 100


def test_a_class_without_clips_has_no_accuracy():
    found = measure(np.zeros(3, dtype=np.int64), np.full((3, 2), 0.5))

    assert found.per_class[1] is None
    assert found.mean_class.value == 100.0


def test_about_95_of_100_intervals_of_the_loss_hold_the_mean():
    rng, held, size = np.random.default_rng(0), 0, 20
    for _ in range(200):
        own = rng.uniform(0.3, 0.9, size)
        found = measure(np.zeros(size, dtype=np.int64), np.stack([own, 1 - own], axis=1)).loss
        mean = 1 - (0.9 * np.log(0.9) - 0.3 * np.log(0.3)) / 0.6
        held += found.low < mean < found.high

    assert 0.91 < held / 200 < 0.99

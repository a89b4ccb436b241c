import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from orchestrator.stats.crossed import (
    CrossedVariance,
    variance_over_seeds,
    variance_over_seeds_and_clips,
)


def drawn(a: float, b: float, e: float, num_seeds: int, num_clips: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    parts = (a, (num_seeds, 1)), (b, (1, num_clips)), (e, (num_seeds, num_clips))
    return sum(deviation * rng.standard_normal(shape) for deviation, shape in parts)


def test_the_parts_are_those_of_the_analysis_of_variance():
    d = drawn(1, 2, 3, 4, 6, seed=0)
    seeds, clips = (index.ravel() for index in np.indices(d.shape))
    fit = ols("d ~ C(s) + C(c)", pd.DataFrame({"d": d.ravel(), "s": seeds, "c": clips})).fit()
    squares = anova_lm(fit)["mean_sq"]

    variance = variance_over_seeds_and_clips(d)

    found = variance.seeds, variance.clips, variance.residual
    wanted = squares["C(s)"], squares["C(c)"], squares["Residual"]
    assert found == pytest.approx([square / d.size for square in wanted])


@pytest.mark.parametrize("parts", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3)])
def test_seed_clip_and_residual_part_are_right_on_average(parts):
    a, b, e = parts
    draws = [variance_over_seeds_and_clips(drawn(a, b, e, 4, 30, n)) for n in range(1000)]

    mean = np.mean([(v.seeds, v.clips, v.residual) for v in draws], axis=0)

    rest = e**2 / 120
    assert mean == pytest.approx([a**2 / 4 + rest, b**2 / 30 + rest, rest], rel=0.15, abs=1e-12)


def test_resampling_seeds_and_clips_counts_the_residual_in_every_part():
    d = drawn(0, 0, 1, 60, 60, seed=1)
    rng = np.random.default_rng(0)
    seeds, clips = (rng.multinomial(60, np.full(60, 1 / 60), 4000) / 60 for _ in range(2))
    resampled = ((seeds @ d) * clips).sum(axis=1).var()

    v = variance_over_seeds_and_clips(d)
    assert resampled == pytest.approx(v.seeds + v.clips + v.residual, rel=0.1)
    assert resampled > 2 * v.total


def test_the_total_is_never_below_what_seeds_or_clips_alone_show():
    assert CrossedVariance(1.0, 3.0, 2.0, 3, 9).total == 3.0
    assert CrossedVariance(1.0, 3.0, 0.5, 3, 9).total == 3.5


def test_twice_the_seeds_halve_all_but_what_clips_do():
    variance = CrossedVariance(seeds=3.0, clips=5.0, residual=1.0, num_seeds=4, num_clips=50)

    more = variance.projected(8, 50)

    assert (more.seed_part, more.clip_part, more.residual) == (1.0, 4.0, 0.5)
    assert variance.projected(4, 50) == variance


def test_without_clips_the_spread_of_seeds_is_all():
    variance = variance_over_seeds(np.array([1.0, 2.0, 6.0]))

    assert variance.total == pytest.approx(7.0 / 3)
    assert variance.projected(6, None).total == pytest.approx(7.0 / 6)

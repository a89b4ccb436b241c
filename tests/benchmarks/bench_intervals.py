"""How often intervals miss the truth: ours, and those that were not chosen.

    python -m tests.benchmarks.bench_intervals --studies 1000

One difference of two variants of 90 % and 92 % in made-up studies (`simulated.py` of the tests).
Shown is the share of nominal 95 % and 99.5 % intervals that miss the true difference, and the
median width of the former in points. The second matters since Holm and racing work with small
error rates.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable
from functools import lru_cache
from itertools import product

import numpy as np
from scipy import stats

from orchestrator.stats.crossed import variance_over_seeds, variance_over_seeds_and_clips
from orchestrator.stats.pivot import Pivot
from tests.orchestrator.stats.simulated import WORLDS, hits

ACCURACIES = [90.0, 92.0]
TRUTH = ACCURACIES[1] - ACCURACIES[0]
RESAMPLES = 1000
Interval = tuple[float, float]


def t_over_seeds(d: np.ndarray, confidence: float) -> Interval:
    return around(d, Pivot(variance_over_seeds(d.mean(axis=1))).quantile((1 - confidence) / 2))


def around(d: np.ndarray, half: float) -> Interval:
    return d.mean() - half, d.mean() + half


def pigeonhole(d: np.ndarray, confidence: float) -> Interval:
    """Percentiles of seeds and clips resampled independently."""
    seeds, clips = (resamples(size) for size in d.shape)
    means = (seeds * (clips @ d.T)).sum(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return low, high


@lru_cache
def resamples(size: int) -> np.ndarray:
    return np.random.default_rng(size).multinomial(size, np.full(size, 1 / size), RESAMPLES) / size


def satterthwaite(d: np.ndarray, confidence: float) -> Interval:
    v = variance_over_seeds_and_clips(d)
    by_seed, by_clip = v.num_seeds - 1, d.shape[1] - 1
    spread = v.seeds**2 / by_seed + v.clips**2 / by_clip + v.residual**2 / by_seed / by_clip
    return around(d, stats.t.ppf((1 + confidence) / 2, v.total**2 / spread) * v.total**0.5)


def ours(d: np.ndarray, confidence: float) -> Interval:
    pivot = Pivot(variance_over_seeds_and_clips(d), floor=100 / d.shape[1])
    return around(d, pivot.quantile((1 - confidence) / 2))


METHODS: dict[str, Callable[[np.ndarray, float], Interval]] = {
    "t over seeds": t_over_seeds,
    "pigeonhole": pigeonhole,
    "Satterthwaite": satterthwaite,
    "ours": ours,
}


def missed(intervals: list[Interval]) -> float:
    return 100 * float(np.mean([not low <= TRUTH <= high for low, high in intervals]))


def line(world: str, num_seeds: int, num_clips: int, studies: int) -> str:
    rng = np.random.default_rng(zlib.crc32(f"{world} {num_seeds} {num_clips}".encode()))
    drawn = (hits(WORLDS[world], ACCURACIES, num_seeds, num_clips, rng) for _ in range(studies))
    data = [variant - baseline for baseline, variant in drawn]
    cells = []
    for method in METHODS.values():
        usual = [method(d, 0.95) for d in data]
        strict = [method(d, 0.995) for d in data]
        width = np.median([high - low for low, high in usual])
        cells.append(f"{missed(usual):5.1f} {missed(strict):5.2f} {width:6.2f}")
    return f"{world:17} {num_seeds:3} {num_clips:5} | " + " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1000)
    studies = parser.parse_args().studies
    print("missed at 95 % and 99.5 %, median width of the 95 % interval")
    print(f"{'world':17}   S     C | " + " | ".join(f"{name:18}" for name in METHODS))
    for world, num_seeds, num_clips in product(WORLDS, (3, 5, 10), (150, 1000)):
        print(line(world, num_seeds, num_clips, studies), flush=True)


if __name__ == "__main__":
    main()

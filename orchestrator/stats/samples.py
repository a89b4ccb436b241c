"""What a variant of an ablation achieved: one value a seed, and which clips made it up.

Shapes: S seeds, C clips of the evaluated split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation (None for a single value) of n seeds."""

    mean: float
    std: float | None
    n: int


def summarize(values: Sequence[float]) -> Summary | None:
    if not values:
        return None
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Summary(float(np.mean(values)), std, len(values))


@dataclass(frozen=True, eq=False)
class Sample:
    """The objective of one variant, `values` (S,), and what each clip adds to it, `clips` (S, C).

    A value is the mean over its clips: of 0 and 100 for the top-1 accuracy, of weighted hits for
    the mean class accuracy. `clips` is None where the metric is no such mean (a loss) or the
    predictions are gone. Seed s of every variant of a study saw the training clips in one order
    and started, where shapes agree, from one set of weights; all variants are judged by the same
    clips in the same order. So differences are taken seed by seed and clip by clip.
    """

    seeds: tuple[int, ...]
    values: Floats
    clips: Floats | None = None

    def __post_init__(self) -> None:
        assert len(set(self.seeds)) == len(self.seeds)
        assert self.values.shape == (len(self.seeds),)
        if self.clips is not None:
            assert self.clips.shape[0] == len(self.seeds)
            assert self.clips.shape[1] > 0
            assert np.allclose(self.clips.mean(axis=1), self.values, rtol=1e-6, atol=1e-6)

    @classmethod
    def of_values(cls, values: Mapping[int, float]) -> Sample:
        """Values by their seed, of which no clips are known."""
        return cls(tuple(values), np.array(list(values.values()), dtype=np.float64))

    @property
    def num_clips(self) -> int | None:
        return None if self.clips is None else self.clips.shape[1]

    @property
    def resolution(self) -> float | None:
        """What one clip is worth: 100 / C points of top-1 (of a rarest class, where weighted)."""
        return None if self.clips is None else float(np.abs(self.clips).max()) / self.clips.shape[1]

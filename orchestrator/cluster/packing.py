"""How large a share of a GPU a trial takes: the memory that it was measured to need.

Shapes that were measured before the study starts are known. One that a search comes upon later is
foretold from its activations, corrected by how far such an estimate was off for the measured ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.engine.config import TrialConfig
from orchestrator.engine.shape import shape_of

HEAD_ROOM = 1.15
"""Allocators keep more than tensors fill, and no two trainings peak quite alike."""
MOST_TRIALS_A_GPU = 8
"""More than that only take turns."""
_SHARES = 10_000
"""Ray counts shares of a GPU in ten-thousandths."""


@dataclass(frozen=True)
class GpuKind:
    """GPUs of one model; `name` is Ray's word for it, as in `accelerator_type:H100`."""

    name: str
    memory: int
    """Bytes."""


class Share(NamedTuple):
    """Of one GPU; `kind` if not every GPU of the cluster would do."""

    gpu: float
    kind: str | None = None


def share_of(need: int, kinds: Sequence[GpuKind]) -> Share:
    """For `need` bytes: as many trials as have room, on the smallest kind that holds one.

    On a larger kind the share is too large, never too small. What no GPU holds gets the largest
    one alone: whether it fits then is not foretold but tried.
    """
    by_memory = sorted(kinds, key=lambda kind: kind.memory)
    wanted = HEAD_ROOM * need
    kind = next((k for k in by_memory if k.memory >= wanted), by_memory[-1])
    fit = min(MOST_TRIALS_A_GPU, max(1, int(kind.memory / wanted)))
    is_any = kind.memory == by_memory[0].memory
    return Share(math.floor(_SHARES / fit) / _SHARES, None if is_any else kind.name)


@dataclass
class Needs:
    """Bytes of GPU memory a trial, by its shape."""

    estimate: Callable[[TrialConfig], int]
    """From the configuration alone; off by a factor that the measured shapes tell."""
    _measured: dict[str, int] = field(default_factory=dict)
    _estimated: dict[str, int] = field(default_factory=dict)

    def learn(self, config: TrialConfig, need: int) -> None:
        """The most that was ever seen counts."""
        shape = shape_of(config.plain())
        self._measured[shape] = max(need, self._measured.get(shape, 0))
        self._estimate(shape, config)

    def of(self, config: TrialConfig) -> int:
        shape = shape_of(config.plain())
        if shape in self._measured:
            return self._measured[shape]
        return math.ceil(self._estimate(shape, config) * self._correction())

    def _estimate(self, shape: str, config: TrialConfig) -> int:
        if shape not in self._estimated:
            self._estimated[shape] = self.estimate(config)
        return self._estimated[shape]

    def _correction(self) -> float:
        """The worst that an estimate was off."""
        offs = (need / self._estimated[shape] for shape, need in self._measured.items())
        return max(offs, default=1.0)

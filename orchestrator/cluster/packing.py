"""How large a share of a GPU a trial takes: the memory that it was measured to need.

Shapes that were measured before the study starts are known. One that a search comes upon later is
foretold from its activations, corrected by how far such an estimate was off for the measured ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.engine.config import TrialConfig
from orchestrator.engine.shape import shape_of
from orchestrator.records import TrialPlan
from orchestrator.spec import Resources

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
class Packing:
    """What each trial occupies, by the memory that trials of its shape need."""

    resources: Resources
    kinds: Sequence[GpuKind]
    measure: Callable[[Sequence[TrialPlan]], Iterable[tuple[TrialPlan, int]]]
    """Bytes of each plan's training, as far as they can be measured; it may take a while."""
    estimate: Callable[[TrialConfig], int]
    """From the configuration alone; off by a factor that the measured shapes tell."""
    _has_tried: bool = False
    _measured: dict[str, int] = field(default_factory=dict)
    _estimated: dict[str, int] = field(default_factory=dict)

    def __call__(self, plan: TrialPlan) -> Resources:
        if not self._has_tried:
            self.learn([plan])
        share = share_of(self.need(TrialConfig.model_validate(plan.config)), self.kinds)
        kind = share.kind or self.resources.gpu_kind
        return self.resources.model_copy(update={"gpu": share.gpu, "gpu_kind": kind})

    def learn(self, plans: Iterable[TrialPlan]) -> None:
        """Measure one plan of each shape."""
        self._has_tried = True
        distinct = {shape_of(plan.config): plan for plan in plans}
        for plan, need in self.measure(list(distinct.values())):
            self._measured[shape_of(plan.config)] = need
            self._estimate(TrialConfig.model_validate(plan.config))

    def need(self, config: TrialConfig) -> int:
        """Bytes."""
        known = self._measured.get(shape_of(config.plain()))
        return known or math.ceil(self._estimate(config) * self._correction())

    def _estimate(self, config: TrialConfig) -> int:
        shape = shape_of(config.plain())
        if shape not in self._estimated:
            self._estimated[shape] = self.estimate(config)
        return self._estimated[shape]

    def _correction(self) -> float:
        """The worst that an estimate was off."""
        offs = (need / self._estimated[shape] for shape, need in self._measured.items())
        return max(offs, default=1.0)

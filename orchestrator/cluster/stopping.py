"""When a trial is stopped early: rules over plain numbers, whose memory is filled from the log.

A rule is told each epoch of each trial once. What it remembers does not depend on the order in
which trials told theirs, so that a replay, trial by trial, leaves it as it was.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from itertools import accumulate
from typing import Protocol

import numpy as np

from orchestrator.search.scheduler_spec import (
    ASHAScheduler,
    HyperbandScheduler,
    MedianScheduler,
    Scheduler,
)


class StopRule(Protocol):
    def judge(self, trial: str, epoch: int, value: float) -> bool:
        """Whether to stop the trial after this many epochs, from 1; larger values are better."""


class Halving:
    """Asynchronous successive halving (Li et al., MLSys 2020).

    Rungs stand at grace, grace * factor, grace * factor^2, ... epochs. A trial that comes to a
    rung goes on if it is among the best 1/factor of those that came there before it.
    """

    def __init__(self, grace: int, factor: float) -> None:
        self._grace = grace
        self._factor = factor
        self._rungs: dict[int, dict[str, float]] = defaultdict(dict)

    def judge(self, trial: str, epoch: int, value: float) -> bool:
        if not self._is_rung(epoch):
            return False
        others = list(self._rungs[epoch].values())
        self._rungs[epoch][trial] = value
        share = 100 * (1 - 1 / self._factor)
        return bool(others) and value < float(np.percentile(others, share))

    def _is_rung(self, epoch: int) -> bool:
        """A rung between two epochs is at the later one."""
        rung = float(self._grace)
        while np.ceil(rung) < epoch:
            rung *= self._factor
        return int(np.ceil(rung)) == epoch


class Hyperband:
    """Halvings side by side, each with its first rung a factor later (Li et al., JMLR 2018).

    A trial's bracket follows from its name. The bracket that stops first gets the most trials:
    `factor` times as many as the next.
    """

    def __init__(self, grace: int, factor: float, brackets: int) -> None:
        self._brackets = [Halving(round(grace * factor**n), factor) for n in range(brackets)]
        shares = [factor**-n for n in range(brackets)]
        self._ends = [end / sum(shares) for end in accumulate(shares)]

    def judge(self, trial: str, epoch: int, value: float) -> bool:
        return self._brackets[self.bracket(trial)].judge(trial, epoch, value)

    def bracket(self, trial: str) -> int:
        place = int.from_bytes(sha256(trial.encode()).digest()[:4]) / 2**32
        return next((n for n, end in enumerate(self._ends) if place < end), 0)


class MedianRule:
    """Stops a trial whose best so far is below the median of the others' running means.

    Golovin et al., KDD 2017, section 3.2.1. The means are those over as many epochs as the trial
    has; trials that have fewer are left out.
    """

    def __init__(self, grace: int, min_trials: int) -> None:
        self._grace = grace
        self._min_trials = min_trials
        self._told: dict[str, list[float]] = defaultdict(list)

    def judge(self, trial: str, epoch: int, value: float) -> bool:
        mine = self._told[trial]
        mine.append(value)
        others = [
            float(np.mean(values[: len(mine)]))
            for name, values in self._told.items()
            if name != trial and len(values) >= len(mine)
        ]
        is_judged = epoch >= self._grace and len(others) >= self._min_trials
        return is_judged and max(mine) < float(np.median(others))


def rule_of(spec: Scheduler) -> StopRule | None:
    """None where every trial runs to its end."""
    match spec:
        case ASHAScheduler():
            return Halving(spec.grace_epochs, spec.reduction_factor)
        case HyperbandScheduler():
            return Hyperband(spec.grace_epochs, spec.reduction_factor, spec.brackets)
        case MedianScheduler():
            return MedianRule(spec.grace_epochs, spec.min_trials)
    return None

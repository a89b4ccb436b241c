"""Which variants may be the best.

Subset selection: Gupta, On some multiple decision rules, Technometrics 7 (1965); as confidence
statements about the best, Hsu, Multiple Comparisons (1996), chapter 4.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.stats.effects import contrast
from orchestrator.stats.racing import SeedRace
from orchestrator.stats.samples import Sample
from orchestrator.stats.verdicts import Mode


def contenders(
    samples: Mapping[str, Sample],
    *,
    alpha: float = 0.05,
    mode: Mode = "max",
    race: SeedRace | None = None,
) -> frozenset[str]:
    """Those that no rival is shown to beat: the best is among them, wrongly at most at `alpha`.

    Each variant is tested one-sided against every other, at `alpha` over the number of rivals; the
    test of the best itself is the only one that can go wrong, so no further correction is due, and
    none for having looked which mean is the highest. Variants of one seed cannot be judged: they
    are neither contenders nor rivals.
    """
    known = {name: sample for name, sample in samples.items() if len(sample.seeds) > 1}
    level = alpha / max(len(known) - 1, 1)
    by_mean = sorted(known.items(), key=lambda item: item[1].values.mean(), reverse=mode == "max")
    return frozenset(
        name
        for name, mine in known.items()
        if not any(
            _p_better(rival, mine, mode, race) <= level
            for other, rival in by_mean  # most are beaten by the first
            if other != name
        )
    )


def _p_better(rival: Sample, mine: Sample, mode: Mode, race: SeedRace | None) -> float:
    """One-sided p-value of `the rival is no better`; 1 where it is not even ahead, or the data
    cannot tell."""
    sign = 1 if mode == "max" else -1
    if rival.seeds == mine.seeds and sign * (rival.values - mine.values).mean() <= 0:
        return 1.0
    effect = contrast([(1.0, rival), (-1.0, mine)])
    if effect is None:
        return 1.0
    p_value = effect.p_above(0.0) if mode == "max" else effect.p_below(0.0)
    if p_value is None:
        return 1.0
    return p_value if race is None else race.one_sided_p_value(p_value, effect.num_seeds)

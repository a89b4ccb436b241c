"""Whether a candidate takes the champion's place: a paired comparison on the same test clips."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from orchestrator.promotion.split_scores import SplitScores
from orchestrator.stats.effects import common_seeds, contrast

CONFIDENCE = 0.95


class Verdict(StrEnum):
    """What the gate says of a candidate."""

    FIRST = "first"
    """There is no champion yet: the candidate becomes it."""
    BETTER = "better"
    """The gain is shown: the candidate becomes the champion."""
    NOT_SHOWN = "not shown"
    """The champion stays."""
    INCOMPARABLE = "incomparable"
    """The two were not tested on the same clips: the champion stays."""
    FORCED = "forced"
    """The user wants the candidate to be the champion, whatever the comparison says."""

    ALREADY = "already"
    """The version is the champion, by an earlier promotion."""

    @property
    def is_refusal(self) -> bool:
        return self in {Verdict.NOT_SHOWN, Verdict.INCOMPARABLE}

    @property
    def opens(self) -> bool:
        return self in {Verdict.FIRST, Verdict.BETTER, Verdict.FORCED}


@dataclass(frozen=True)
class Gain:
    """Points of test top-1 that the candidate has over the champion, with its 95 % interval."""

    points: float
    low: float
    high: float
    over: str
    """What the interval is over: `3 seeds and 108 clips`."""

    def __str__(self) -> str:
        return f"{self.points:+.2f} [{self.low:+.2f}, {self.high:+.2f}] over {self.over}"


@dataclass(frozen=True)
class Decision:
    """A verdict with both scores and the reason."""

    verdict: Verdict
    candidate: float
    champion: float | None
    gain: Gain | None
    reason: str


def decide(
    candidate: SplitScores,
    champion: SplitScores | None,
    *,
    min_gain: float | None = None,
    is_forced: bool = False,
) -> Decision:
    """By the interval's lower end, which must be above 0; or by `min_gain` points alone."""
    if champion is None:
        return Decision(Verdict.FIRST, candidate.top1, None, None, "there was no champion")
    if (difference := difference_of(candidate, champion)) is not None:
        return incomparable(candidate, difference, champion.top1, is_forced=is_forced)
    gain = gain_of(candidate, champion)
    is_better = gain.low > 0 if min_gain is None else gain.points >= min_gain
    failed = Verdict.FORCED if is_forced else Verdict.NOT_SHOWN
    verdict = Verdict.BETTER if is_better else failed
    return Decision(verdict, candidate.top1, champion.top1, gain, _rule(gain, min_gain, is_better))


def incomparable(
    candidate: SplitScores, reason: str, champion: float | None = None, *, is_forced: bool
) -> Decision:
    verdict = Verdict.FORCED if is_forced else Verdict.INCOMPARABLE
    return Decision(verdict, candidate.top1, champion, None, reason)


def _rule(gain: Gain, min_gain: float | None, is_better: bool) -> str:
    if min_gain is None:
        return "the interval is above 0" if is_better else "the interval is not above 0"
    return f"the gain is {'at least' if is_better else 'below'} the {min_gain:g} points asked for"


def difference_of(candidate: SplitScores, champion: SplitScores) -> str | None:
    """Why two versions cannot be compared; None where they can."""
    if candidate.protocol != champion.protocol:
        return f"the champion was tested on {champion.protocol}, this on {candidate.protocol}"
    if candidate.data_digest != champion.data_digest:
        return (
            f"the champion was tested on another preparation of the data "
            f"({champion.data_digest}, this on {candidate.data_digest})"
        )
    same_clips = np.array_equal(candidate.clips, champion.clips)
    if not same_clips or not np.array_equal(candidate.labels, champion.labels):
        return "the champion was tested on other clips"
    return None


def gain_of(candidate: SplitScores, champion: SplitScores) -> Gain:
    """Over seeds and clips where both have two seeds in common, else over clips alone."""
    ours, theirs = candidate.sample, champion.sample
    num_clips = len(candidate.clips)
    if (num := len(common_seeds([ours, theirs]))) >= 2:
        effect = contrast([(1.0, ours), (-1.0, theirs)], confidence=CONFIDENCE)
        assert effect is not None
        interval = effect.interval(CONFIDENCE)
        assert interval is not None
        return Gain(effect.estimate, *interval, f"{num} seeds and {num_clips} clips")
    return _over_clips(candidate, champion)


def _over_clips(candidate: SplitScores, champion: SplitScores) -> Gain:
    """Student's interval; its standard error is never below the worth of one clip."""
    differences = candidate.hits.mean(axis=0) - champion.hits.mean(axis=0)
    num = len(differences)
    error = max(float(differences.std(ddof=1)) / np.sqrt(num), 100 / num) if num > 1 else 100.0
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, max(num - 1, 1))) * error
    points = float(differences.mean())
    return Gain(points, points - half, points + half, f"{num} clips, seeds taken as they are")

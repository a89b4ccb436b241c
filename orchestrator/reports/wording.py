"""Figures and verdicts as a reader wants them said."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.ablation.designs import GONE
from orchestrator.ablation.spec import OFF
from orchestrator.stats.samples import Sample, summarize
from orchestrator.stats.verdicts import Judgement, Verdict

_PERCENTAGES = {"top1", "top5", "mean_class"}


@dataclass(frozen=True)
class Scale:
    """The metric's: accuracies are told in points, two decimals; losses as numbers, four."""

    metric: str

    @property
    def is_points(self) -> bool:
        return self.metric.rpartition("/")[2] in _PERCENTAGES

    @property
    def decimals(self) -> int:
        return 2 if self.is_points else 4

    def number(self, value: float | None) -> str:
        return "-" if value is None else f"{value:.{self.decimals}f}"

    def signed(self, value: float) -> str:
        return f"{value:+.{self.decimals}f}"

    def amount(self, value: float | None) -> str:
        """`1 point`, `0.23 points`; a bare number of a loss; nothing of None."""
        if value is None:
            return ""
        told = f"{round(value, self.decimals):g}"
        if not self.is_points:
            return told
        return f"{told} point" if told == "1" else f"{told} points"

    def mean_and_std(self, sample: Sample | None) -> str:
        summary = None if sample is None else summarize(list(sample.values))
        if summary is None:
            return "-"
        mean = self.number(summary.mean)
        return mean if summary.std is None else f"{mean} ± {self.number(summary.std)}"

    def difference(self, judgement: Judgement) -> str:
        """`-1.16 [-2.10, -0.22]`; without the interval where there is none."""
        estimate, interval = self.signed(judgement.effect.estimate), judgement.interval
        if interval is None:
            return estimate
        return f"{estimate} [{', '.join(map(self.signed, interval))}]"


def verdict_on_levels(judgement: Judgement, levels: dict[str, str], margin: str) -> str:
    """Of one component that is off, what having it does; else how the variant is."""
    changed = {name: level for name, level in levels.items() if level != GONE}
    better, worse = "better", "worse"
    if list(changed.values()) == [OFF]:
        component = next(iter(changed))
        better, worse = f"{component} hurts", f"{component} helps"
    return verdict(judgement, margin, better, worse)


def verdict(judgement: Judgement, margin: str, better: str, worse: str) -> str:
    within = f", by less than {margin}" if judgement.is_within_margin else ""
    match judgement.verdict:
        case Verdict.BETTER:
            return better + within
        case Verdict.WORSE:
            return worse + within
        case Verdict.EQUIVALENT:
            return f"no difference above {margin}"
        case Verdict.INCONCLUSIVE:
            return _still_open(judgement)


def _still_open(judgement: Judgement) -> str:
    if judgement.clips_needed is not None:
        clips, seeds = (
            counted(judgement.clips_needed, "clip"),
            counted(judgement.most_seeds, "seed"),
        )
        return f"more seeds will not settle it: about {clips} needed, with {seeds}"
    if judgement.more_seeds is not None:
        more = counted(judgement.more_seeds, "more seed")
        return f"inconclusive: about {more} needed"
    if judgement.interval is None:
        one = judgement.effect.num_seeds == 1
        return f"inconclusive: {'one seed shows' if one else 'the seeds show'} no spread"
    return "inconclusive"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def thousands(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def millions(value: int | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.1f} M"


def last_line(error: str | None) -> str:
    """What a traceback ends with."""
    lines = (error or "").strip().splitlines()
    return lines[-1].strip() if lines else "no reason was recorded"


def is_same_data(reported: str, ours: str) -> bool:
    """Whether a paper's name of its data set has ours in it: `FineGym99` is `gym99`."""
    return _bare(ours.removesuffix("_hrnet")) in _bare(reported)


def _bare(name: str) -> str:
    """`NTU RGB+D 60` and `ntu60` are one."""
    return "".join(c for c in name.lower() if c.isalnum()).replace("rgbd", "")

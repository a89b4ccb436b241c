"""The table of an ablation, in the form that papers have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from orchestrator.ablation.designs import baseline_name
from orchestrator.ablation.results import AblationResults, CellResult, VariantResult, race_of
from orchestrator.failures import cause_told
from orchestrator.records import TrialRecord
from orchestrator.reports.components import identity
from orchestrator.reports.foot import (
    BELOW_ONE_CLIP,
    BELOW_OUR_INTERVAL,
    notes_of,
    share_of_device,
)
from orchestrator.reports.links import RunLinks
from orchestrator.reports.ranking import num_seeds
from orchestrator.reports.table import Entry, Link, Table
from orchestrator.reports.wording import (
    Scale,
    last_line,
    millions,
    thousands,
    verdict_on_levels,
)
from orchestrator.stats.best import contenders


@dataclass
class Footnotes:
    """Numbered from 1; equal texts share their number."""

    texts: dict[str, str] = field(default_factory=dict)

    def mark(self, text: str) -> str:
        return self.texts.setdefault(text, str(len(self.texts) + 1))


def ablation_table(results: AblationResults, links: RunLinks) -> Table:
    """Sections are the study's settings, each with a baseline of its own."""
    who, bold, footnotes = identity(results), bold_variants(results), Footnotes()
    rows = [row for setting in results.settings for row in results.of_setting(setting)]
    body = [
        (
            *who.of(row.variant),
            Entry(_scale(results).mean_and_std(row.sample), row.variant.name in bold),
            _seeds(row, footnotes, links),
            *_judged(results, row),
            *_reported(results, row),
            thousands(row.figure("num_params")),
            millions(row.figure("macs")),
            f"{_hours(results, row):.2f}",
        )
        for row in rows
    ]
    return Table(
        title=f"Study {results.study.spec.study}",
        columns=_columns(results, who.columns),
        rows=tuple(body),
        notes=notes_of(results, bold),
        sections=_sections(rows),
        footnotes={mark: text for text, mark in footnotes.texts.items()},
    )


@lru_cache(maxsize=1)
def bold_variants(results: AblationResults) -> frozenset[str]:
    """Of each setting those that may be the best, unless that is all of them."""
    objective, ablation = results.study.spec.objective, results.ablation
    chosen: frozenset[str] = frozenset()
    for setting in results.settings:
        rows = results.of_setting(setting)
        samples = {row.variant.name: row.sample for row in rows if row.sample is not None}
        alpha, race = 1 - ablation.confidence, race_of(ablation)
        found = contenders(samples, alpha=alpha, mode=objective.mode, race=race)
        several = {name for name, sample in samples.items() if len(sample.seeds) > 1}
        chosen |= found if found < several else frozenset()
    return chosen


def _columns(results: AblationResults, who: tuple[str, ...]) -> tuple[str, ...]:
    reported = ("reported", "reported difference") if results.ablation.paper else ()
    metric, hours = results.study.spec.objective.metric, share_of_device(results)[0]
    measured = (metric, "seeds", "difference", "verdict")
    return (*who, *measured, *reported, "params", "MACs", hours)


def _sections(rows: list[VariantResult]) -> dict[int, str]:
    starts = {row.variant.setting: number for number, row in reversed(list(enumerate(rows)))}
    return {number: setting for setting, number in starts.items() if setting}


def _seeds(row: VariantResult, footnotes: Footnotes, links: RunLinks) -> Entry:
    left = ((row.num_open, "open"), (len(row.failed), "failed"))
    rest = ", ".join(f"{number} {what}" for number, what in left if number)
    text = f"{num_seeds(row)} ({rest})" if rest else str(num_seeds(row))
    marks = tuple(footnotes.mark(_failure(row, cell)) for cell in row.failed)
    return Entry(text, marks=tuple(dict.fromkeys(marks)), links=tuple(_links(row, links)))


def _failure(row: VariantResult, cell: CellResult) -> str:
    reasons = [
        f"{cause_told(record)} ({last_line(record.error)})"
        for record in cell.records
        if record is not None and record.state.is_final and record.error
    ]
    told = "; ".join(reasons) or "failed"
    return f"{row.variant.name}, seed {cell.cell.seed}: {told}."


def _links(row: VariantResult, links: RunLinks) -> Iterator[Link]:
    """A run a seed and stream."""
    for cell in row.cells:
        for record in cell.records:
            url = None if record is None else links.of(record.plan.id)
            if record is not None and url is not None:
                stream = f" {_stream(record)}" if len(cell.records) > 1 else ""
                yield Link(f"{cell.cell.seed}{stream}", url)


def _stream(record: TrialRecord) -> str:
    return str(record.plan.config["data"]["stream"])


def _judged(results: AblationResults, row: VariantResult) -> tuple[Entry, str]:
    if row.judgement is None:
        return Entry(), ""
    scale = _scale(results)
    marks = (BELOW_ONE_CLIP,) if row.judgement.effect.is_below_resolution else ()
    margin = scale.amount(results.margin)
    words = verdict_on_levels(row.judgement, row.variant.levels, margin)
    return Entry(scale.difference(row.judgement), marks=marks), words


def _reported(results: AblationResults, row: VariantResult) -> tuple[str | Entry, ...]:
    """The paper's figure and its difference to the paper's baseline of this setting."""
    paper = results.ablation.paper
    if paper is None:
        return ()
    figure = paper.rows.get(row.variant.name)
    baseline = paper.rows.get(baseline_name(row.variant.setting))
    if figure is None or baseline is None or row.variant.is_baseline:
        return _scale(results).number(figure), ""
    difference = figure - baseline
    return (
        _scale(results).number(figure),
        Entry(_scale(results).signed(difference), marks=tuple(_doubts(row, difference))),
    )


def _doubts(row: VariantResult, reported: float) -> Iterator[str]:
    """What our measurement says of a difference as small as the reported one."""
    judgement = row.judgement
    if judgement is None:
        return
    resolution = judgement.effect.resolution
    if resolution is not None and abs(reported) < resolution * (1 - 1e-9):
        yield BELOW_ONE_CLIP
    interval = judgement.interval
    if interval is not None and abs(reported) < (interval[1] - interval[0]) / 2:
        yield BELOW_OUR_INTERVAL


def _hours(results: AblationResults, row: VariantResult) -> float:
    share = share_of_device(results)[1]
    return share * sum(record.seconds for record in row.records) / 3600


def _scale(results: AblationResults) -> Scale:
    return Scale(results.study.spec.objective.metric)

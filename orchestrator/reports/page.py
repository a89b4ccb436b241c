"""The report as one page: everything in it, nothing from a network, readable without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from orchestrator.ablation.results import AblationResults, VariantResult
from orchestrator.engine.config import flattened
from orchestrator.records import State, TrialRecord
from orchestrator.reports.picture import Picture
from orchestrator.reports.wording import Scale, verdict_on_levels

if TYPE_CHECKING:
    from orchestrator.reports.study import StudyReport

_TAIL_LINES = 12
_UNSAID = {"seed", "init_like"}


@dataclass(frozen=True)
class Run:
    """A training, as its row in the details."""

    name: str
    url: str | None
    state: State
    value: str
    epochs: int
    seconds: float
    trial_id: str
    tail: str
    """The end of the traceback."""


@dataclass(frozen=True)
class Detail:
    """A variant, or all trials of a search."""

    name: str
    anchor: str
    changes: tuple[tuple[str, Any, Any], ...]
    """Path, the baseline's value, this variant's; of the complete configurations."""
    runs: tuple[Run, ...]


def page(report: StudyReport, pictures: Sequence[Picture]) -> str:
    environment = Environment(
        loader=PackageLoader("orchestrator.reports", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    template = environment.get_template("page.html")
    return template.render(
        report=report,
        spec=report.study.spec,
        summary=summary(report.results) if report.results else [],
        pictures=pictures,
        plotly=_plotly() if any(picture.html for picture in pictures) else "",
        details=list(_details(report)),
        ended=_ended(report.records),
    )


def summary(results: AblationResults) -> list[tuple[str, str, str]]:
    """Each judged variant, what may be said of it, and by how much it differs."""
    scale = Scale(results.study.spec.objective.metric)
    margin = scale.amount(results.margin)
    return [
        (
            row.variant.name,
            verdict_on_levels(row.judgement, row.variant.levels, margin),
            scale.difference(row.judgement),
        )
        for row in results.rows
        if row.judgement is not None
    ]


def _details(report: StudyReport) -> Iterator[Detail]:
    if report.results is None:
        runs = tuple(_run(report, record) for record in report.records)
        yield Detail("All trials", "trials", (), runs)
        return
    for number, row in enumerate(report.results.rows):
        runs = tuple(_run(report, record) for record in row.records)
        changes = tuple(_changes(report.results, row))
        yield Detail(row.variant.name, f"variant-{number}", changes, runs)


def _run(report: StudyReport, record: TrialRecord) -> Run:
    objective = report.study.spec.objective
    lines = (record.error or "").strip().splitlines()
    return Run(
        name=record.plan.name,
        url=report.links.of(record.plan.id),
        state=record.state,
        value=Scale(objective.metric).number(record.best(objective.metric, objective.mode)),
        epochs=len(record.epochs),
        seconds=record.seconds,
        trial_id=record.plan.id,
        tail="\n".join(lines[-_TAIL_LINES:]),
    )


def _changes(results: AblationResults, row: VariantResult) -> Iterator[tuple[str, Any, Any]]:
    baseline = next(r for r in results.of_setting(row.variant.setting) if r.variant.is_baseline)
    theirs, ours = (_configuration(one) for one in (baseline, row))
    for path in sorted(theirs.keys() | ours.keys()):
        pair = theirs.get(path, "absent"), ours.get(path, "absent")
        if pair[0] != pair[1] and path.partition(".")[0] not in _UNSAID:
            yield path, *pair


def _configuration(row: VariantResult) -> Mapping[str, Any]:
    return flattened(row.cells[0].cell.plans[0].config) if row.cells else {}


def _ended(records: Sequence[TrialRecord]) -> str | None:
    last = max((record.ended for record in records if record.ended), default=None)
    return None if last is None else f"{datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M} UTC"


def _plotly() -> str:
    """The library itself, once for all pictures."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())

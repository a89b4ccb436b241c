"""What a search would run, and what is left of its space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.engine.config import flattened
from orchestrator.home import Home
from orchestrator.objective import Objective
from orchestrator.planning.checks import check_models
from orchestrator.planning.trials import Planner, current_records
from orchestrator.records import StudyLog
from orchestrator.reports.table import Table
from orchestrator.search.checks import check_search
from orchestrator.search.point_lists import allowed_share
from orchestrator.search.population import population_of
from orchestrator.search.spec import Search, Stop
from orchestrator.search.stop_rules import running_seconds, stop_reason
from orchestrator.search.warm_start import earlier_trials
from orchestrator.spec import Study

_COUNTED = 100_000
"""Larger grids are not walked through: the share that constraints leave is estimated."""


def search_preview(study: Study, planner: Planner, log: StudyLog, home: Home) -> Table:
    """Raises `SpecError` for what the trial does not take or cannot build."""
    search = study.spec.search
    assert search is not None
    check_search(study)
    summary = check_models(study, planner, {"trial": study.baseline})["trial"]
    rows = tuple(_row(search, path) for path in search.space)
    notes = (
        _extent(study, search),
        *_aims(study.spec.objectives, search.stop),
        *_size(search, flattened(study.baseline.plain())),
        *_start(search, planner, home),
        *_progress(study, log),
        f"Trial file: {summary.num_params:,} parameters, {summary.macs / 1e6:,.1f} M MACs a clip.",
    )
    columns = ("path", "values", "scale", "when")
    return Table(f"Study {study.spec.study}", columns, rows, notes)


def _row(search: Search, path: str) -> tuple[str, ...]:
    domain = search.space[path]
    values: Any = domain.choice or f"{domain.bounds[0]:g} to {domain.bounds[1]:g}"
    how = "log" if domain.log else f"step {domain.step:g}" if domain.step else ""
    when = ", ".join(f"{path}={value}" for path, value in domain.when.items())
    return (path, str(values), how, when)


def _extent(study: Study, search: Search) -> str:
    """How many trials there are, and how long they are."""
    by, epochs = search.sampler.name, study.baseline.epochs
    if (population := population_of(study)) is not None:
        return (
            f"{search.trials} trials: a population of {population.size}, first drawn by {by}, "
            f"times {population.generations} generations of {population.epochs} epochs."
        )
    scheduler = search.scheduler.name
    return f"{search.trials} trials by {by}, scheduler {scheduler}, up to {epochs} epochs each."


def _aims(objectives: Sequence[Objective], stop: Stop) -> Iterator[str]:
    if len(objectives) > 1:
        yield "Objectives: " + ", ".join(f"{o.metric} ({o.mode})" for o in objectives) + "."
    limits = [f"{stop.hours:g} h"] if stop.hours is not None else []
    if stop.patience is not None:
        limits.append(f"{stop.patience} trials without progress")
    if limits:
        yield f"Ends early after {' or '.join(limits)}."


def _size(search: Search, fixed: dict[str, Any]) -> Iterator[str]:
    """How many points there are, where they can be counted, and what constraints leave."""
    rules = ", ".join(map(str, search.constraints))
    if search.num_grid_points <= _COUNTED:
        left = sum(1 for _ in search.grid(fixed))
        yield f"The space has {left} points" + (f" with {rules}." if rules else ".")
    elif rules:
        yield f"About {100 * allowed_share(search, fixed):.0f} % of the space is left by {rules}."


def _start(search: Search, planner: Planner, home: Home) -> Iterator[str]:
    if search.points:
        yield f"Points of the file, tried first: {len(search.points)}."
    told = [earlier.told() for earlier in earlier_trials(planner, home)]
    if told:
        yield f"Known from the start: {', '.join(told)}."


def _progress(study: Study, log: StudyLog) -> Iterator[str]:
    """What has been done already, and whether a limit has been reached."""
    assert study.spec.search is not None
    records = current_records(study, log)
    if not records:
        return
    yield f"{sum(record.state.is_final for record in records)} of {len(records)} trials have ended."
    seconds = running_seconds(log.events())
    reason = stop_reason(study.spec.search.stop, study.spec.objectives, records, seconds)
    if reason is not None:
        yield f"No more are started: {reason}."

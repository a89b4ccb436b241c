"""A study from its file to its end: nothing starts if something cannot be built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.ablation.cells import Cell, check_distinct, check_same_clips, study_variants
from orchestrator.ablation.difference import build_variants, examine
from orchestrator.ablation.fairness import tuning_plans
from orchestrator.ablation.racing import RaceSource
from orchestrator.ablation.results import race_of
from orchestrator.planning.checks import check_models
from orchestrator.planning.digest import require_plan
from orchestrator.planning.trials import Planner, current_records, first_cells
from orchestrator.records import Role, StudyLog, TrialRecord
from orchestrator.reports.study import StudyReport
from orchestrator.search.checks import check_search
from orchestrator.search.generations import PopulationSource
from orchestrator.search.population import population_of
from orchestrator.session import Services, Session, open_session
from orchestrator.sources import CellSource, SearchSource, new_search, open_search
from orchestrator.spec import Study
from orchestrator.storage.data_sets import bring_stores


@dataclass(frozen=True)
class Outcome:
    """What is known of the study after a run, and whether something is left to be done."""

    report: StudyReport
    is_stopped: bool
    gave_up: str | None = None
    """Why the rest was not even tried: one error was the end of all that were."""

    @property
    def records(self) -> Sequence[TrialRecord]:
        return self.report.records


def run_study(
    study: Study, services: Services, retry_failed: bool = False, plan: str | None = None
) -> Outcome:
    """Run, or carry on with what is missing; only if the study still has this `plan`."""
    home = services.home
    log = StudyLog(home.study(study.spec.study).journal())
    bring_stores(log.data, home.data, home.data_sets)
    planner = Planner(study, home.data)
    if plan is not None:
        require_plan(study, planner, plan)
    for warning in check_study(study, planner, log):
        services.view.line(f"warning: {warning}")
    with open_session(study, services) as session:
        session.use_data(planner.digests)
        if retry_failed:
            session.reopen_failed(current_records(study, session.log))
        if study.spec.search is None:
            _run_ablation(session, planner)
        else:
            _run_search(session, planner)
    assert session.report is not None
    return Outcome(session.report, session.is_stopped, session.gave_up)


def check_study(study: Study, planner: Planner, log: StudyLog) -> tuple[str, ...]:
    """Warnings; raise `SpecError` with everything that could not be run, or changes nothing.

    An ablation whose cells are all in the log was examined before they came there.
    """
    if study.spec.search is not None:
        check_search(study)
        check_models(study, planner, {"trial": study.baseline})
        return ()
    check_same_clips(study)
    cells = first_cells(study, planner, log)
    check_distinct(study, cells)
    if _are_known(study, cells, log):
        return ()
    if study.on_top:  # tried out in small, where a variant may not show what it changes
        build_variants(study, planner)
        return ()
    return examine(study, planner).warnings


def _are_known(study: Study, cells: list[Cell], log: StudyLog) -> bool:
    """Cells that wait for their tuning are not."""
    planned = {cell.variant.name for cell in cells}
    is_whole = all(variant.name in planned for variant in study_variants(study))
    return is_whole and all(plan.id in log.records for cell in cells for plan in cell.plans)


def _run_ablation(session: Session, planner: Planner) -> None:
    """Tuning, where variants are tuned, comes before the seeds."""
    study, log = session.study, session.log
    if tries := tuning_plans(study, planner):
        session.run(CellSource(tries, log), Role.TUNING)
        if session.is_stopped:
            return
    assert study.spec.ablation is not None
    if race_of(study.spec.ablation) is not None:
        session.run(RaceSource(study, planner, log, session.folder), Role.CELL)
        return
    plans = [plan for cell in first_cells(study, planner, log) for plan in cell.plans]
    session.run(CellSource(plans, log), Role.CELL)


def _run_search(session: Session, planner: Planner) -> None:
    search, home = session.study.spec.search, session.services.home
    assert search is not None
    if (population := population_of(session.study)) is not None:
        first = new_search(planner, home)
        members = PopulationSource(population, planner, session.log, session.folder, first)
        session.run(members, Role.SEARCH)
        return
    proposals = open_search(planner, session.log, home)
    source = SearchSource(search, planner, session.log, proposals)
    session.run(source, Role.SEARCH, search.scheduler, proposals)

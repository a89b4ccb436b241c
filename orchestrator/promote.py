"""From the best configuration of a study to a registered model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.choice import Candidate
from orchestrator.engine.config import Workers
from orchestrator.planning.finals import final_plans
from orchestrator.planning.trials import Planner
from orchestrator.promotion.choosing import Choice, Wish, choice_table
from orchestrator.promotion.finishing import Finals, Promoted, finish
from orchestrator.promotion.passing import Rule
from orchestrator.promotion.selecting import Selection, require_configuration
from orchestrator.records import Role, State, TrialPlan, TrialRecord
from orchestrator.session import Services, Session, open_session
from orchestrator.sources import CellSource
from orchestrator.spec import Study
from orchestrator.storage.data_sets import bring_stores
from orchestrator.stored import stored_log
from orchestrator.view import show_table


@dataclass(frozen=True)
class Promotion:
    """How far a promotion came; `model` is None where a training did not finish.

    `records` are the trainings that the promotion asked for.
    """

    choice: Choice | None
    records: tuple[TrialRecord, ...] = ()
    model: Promoted | None = None


def promote(
    study: Study, services: Services, wish: Wish, rule: Rule, workers: Workers | None = None
) -> Promotion:
    """Choose, train on train + val, look once at test, register, and ask the gate.

    Again: goes on with what is missing. Raises `SkelTuneError` where there is nothing to promote.
    """
    require_configuration(study)
    with open_session(study, services) as session:
        bring_stores(session.log.data, services.home.data, services.home.data_sets)
        planner = Planner(study, services.home.data)
        selection = Selection(study, session.log, session.folder, planner, wish)
        choice = selection.choice(lambda plans: _train(session, plans, Role.REPLICA))
        if choice is None:
            return Promotion(None, tuple(session.log.of_role(Role.REPLICA)))
        show_table(services.view.console, choice_table(choice))
        plans = _final_plans(planner, choice.winner, wish, workers)
        _train(session, plans, Role.FINAL, by_workers=workers is not None)
        records = tuple(session.log.records[plan.id] for plan in plans)
        if any(record.state is not State.COMPLETE for record in records):
            return Promotion(choice, records)
        store = planner.store(study.config(choice.winner.changes, choice.winner.variant))
        return Promotion(choice, records, finish(Finals(session, choice, records), store, rule))


def preview(study: Study, services: Services, wish: Wish) -> Choice:
    """What would be chosen by what is known now; trains nothing and writes nothing."""
    require_configuration(study)
    log = stored_log(services.home, study.spec.study)
    folder = services.home.study(study.spec.study)
    bring_stores(log.data, services.home.data, services.home.data_sets)
    planner = Planner(study, services.home.data)
    choice = Selection(study, log, folder, planner, wish).choice(train=None)
    assert choice is not None
    return choice


def _final_plans(
    planner: Planner, winner: Candidate, wish: Wish, workers: Workers | None
) -> list[TrialPlan]:
    first = planner.study.baseline.seed
    seeds = range(first, first + wish.num_seeds)
    return final_plans(planner, winner.variant, winner.members, seeds=seeds, workers=workers)


def _train(
    session: Session, plans: Sequence[TrialPlan], role: Role, *, by_workers: bool = False
) -> bool:
    """Whether it came to its end; what failed before is tried again."""
    session.reopen_failed([session.log.plan(plan) for plan in plans])
    session.run(CellSource(list(plans), session.log), role, by_workers=by_workers)
    return not session.is_stopped

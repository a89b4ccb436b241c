"""From the best configuration of a study to a registered model."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.ablation import variants_of
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.planning import CellSource
from orchestrator.records import Role, State, StudyLog, TrialPlan, TrialRecord
from orchestrator.registry import RegisteredModel, register
from orchestrator.report import best_variant, ranking, variant_rows
from orchestrator.spec import Changes, Study
from orchestrator.study import Services, Session, open_session


@dataclass(frozen=True)
class Choice:
    """The configuration that won, and by what."""

    variant: str
    changes: Changes
    value: float
    seeds: int


@dataclass(frozen=True)
class Promotion:
    """What a promotion did; `model` is None where the final training did not finish."""

    choice: Choice
    record: TrialRecord
    model: RegisteredModel | None


class NothingToPromoteError(SkelTuneError):
    """No trial of the study is complete."""


def choose(study: Study, log: StudyLog) -> Choice:
    """The best variant by its mean over seeds, or the best complete trial of a search."""
    objective = study.spec.objective
    if study.spec.ablation is not None:
        variants = {variant.name: variant for variant in variants_of(study.spec.ablation)}
        rows = variant_rows(log.of_role(Role.CELL), objective, list(variants))
        best = best_variant([row for row in rows if row.name in variants], objective.mode)
        if best is not None and best.summary is not None:
            changes = variants[best.name].changes
            return Choice(best.name, changes, best.summary.mean, best.summary.n)
    for record in ranking(log.of_role(Role.SEARCH), objective)[:1]:
        value = record.best(objective.metric, objective.mode)
        if record.state is State.COMPLETE and value is not None:
            return Choice(record.plan.variant, record.plan.params, value, 1)
    raise NothingToPromoteError(f"study {study.spec.study!r} has no complete trial yet")


def promote(study: Study, services: Services) -> Promotion:
    """Train the winner on train + val, evaluate it once on test, register it as the champion."""
    with open_session(study, services) as session:
        choice = choose(study, session.log)
        plan = _final_plan(session, choice)
        session.run(CellSource([plan], session.log))
        session.report()
        record = session.log.records[plan.id]
        is_trained = record.state is State.COMPLETE
        model = _register(session, choice, record) if is_trained else None
        return Promotion(choice, record, model)


def _final_plan(session: Session, choice: Choice) -> TrialPlan:
    changes = {**choice.changes, "select_on": "none"}
    return session.planner.plan(f"final {choice.variant}", Role.FINAL, choice.variant, changes)


def _register(session: Session, choice: Choice, record: TrialRecord) -> RegisteredModel:
    config, study = record.plan.config, session.study.spec
    files = TrialFiles(session.folder.trial(record.plan.id))
    run_id = session.tracker.run_id(record.plan.id)
    assert run_id is not None
    assert record.result is not None
    name = f"{config['model']['name']}-{config['data']['name']}-{config['data']['protocol']}"
    lineage = {
        "study": study.study,
        "variant": choice.variant,
        "trial": record.plan.id,
        "data_digest": record.plan.data_digest,
        f"selected_by/{study.objective.metric}": f"{choice.value:.4f}",
        "test/top1": f"{record.result['best']['test/top1']:.4f}",
    }
    kept = [files.best, files.config, files.result]
    return register(session.services.tracking_uri, name, run_id, kept, lineage)

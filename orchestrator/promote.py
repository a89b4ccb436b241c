"""From the best configuration of a study to a registered model."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.choice import Choice, choose
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.final import evaluate_final
from orchestrator.engine.state import EpochMetrics
from orchestrator.planning.trials import Planner
from orchestrator.records import Role, State, TrialRecord
from orchestrator.search.population import population_of
from orchestrator.session import Services, Session, open_session
from orchestrator.sources import CellSource
from orchestrator.spec import Study
from orchestrator.storage.data_sets import bring_stores
from orchestrator.tracking.registry import RegisteredModel, register


@dataclass(frozen=True)
class Promotion:
    """What a promotion did; `model` is None where the final training did not finish."""

    choice: Choice
    record: TrialRecord
    model: RegisteredModel | None
    figures: EpochMetrics
    """Of the test split: `test/top1` and so on."""


class NothingToPromoteError(SkelTuneError):
    """No trial of the study is complete."""


def promote(study: Study, services: Services) -> Promotion:
    """Train the winner on train + val, evaluate it once on test, register it as the champion."""
    with open_session(study, services) as session:
        choice = choose(study, session.log, session.folder)
        if choice is None:
            raise NothingToPromoteError(f"study {study.spec.study!r} has no complete trial yet")
        if choice.streams:
            streams = ", ".join(choice.streams)
            raise SkelTuneError(
                f"{choice.variant} is an ensemble of {streams}; only single trainings are promoted"
            )
        if population_of(study) is not None:
            raise SkelTuneError(
                f"{choice.variant} belongs to a population, whose members go on from each other's "
                "weights: no configuration alone leads to it; only single trainings are promoted"
            )
        bring_stores(session.log.data, services.home.data, services.home.data_sets)
        planner = Planner(study, services.home.data)
        changes = {**choice.changes, "select_on": "none"}
        plan = planner.plan(f"final {choice.variant}", Role.FINAL, choice.variant, changes)
        if plan.id not in session.log.records:  # else a cell of the study is the final training
            session.log.plan(plan)
        record = session.log.records[plan.id]
        session.reopen_failed([record])
        session.run(CellSource([record.plan], session.log), record.plan.role)
        if record.state is not State.COMPLETE:
            return Promotion(choice, record, None, {})
        figures = evaluate_final(session.folder.bring(plan.id), services.home.data)
        model = _register(session, choice, record, figures)
        return Promotion(choice, record, model, figures)


def _register(
    session: Session, choice: Choice, record: TrialRecord, figures: EpochMetrics
) -> RegisteredModel:
    config, study = record.plan.config, session.study.spec
    files = TrialFiles(session.folder.bring(record.plan.id))
    if record.plan.id in session.tracker.catch_up():
        raise SkelTuneError(
            f"the final training is done; {session.services.tracking_uri} did not take its run, "
            "so the model is not registered: the same command does it"
        )
    run_id = session.tracker.run_ids[record.plan.id]
    data = config["data"]
    stream = "" if data["stream"] == "joint" else f"-{data['stream']}"
    name = f"{config['model']['name']}-{data['name']}-{data['protocol']}{stream}"
    lineage = {
        "study": study.study,
        "variant": choice.variant,
        "trial": record.plan.id,
        "data_digest": record.plan.data_digest,
        "selected_on": session.study.baseline.select_on,
        f"selected_by/{study.objective.metric}": f"{choice.value:.4f}",
        "test/top1": f"{figures['test/top1']:.4f}",
    }
    kept = [files.best, files.config, files.result]
    return register(session.services.tracking_uri, name, run_id, kept, lineage)

"""From final trainings to a version in the registry: one look at test, model, card, gate."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from data.store import ArrayStore
from data.terms import terms_of
from orchestrator.ablation.scores import fused_scores
from orchestrator.artefact.files import save_artefact
from orchestrator.artefact.members import Artefact, make_artefact, trial_member
from orchestrator.choice import Candidate
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.final import evaluate_final
from orchestrator.environment import environment
from orchestrator.promotion.card import Facts, card, short_description
from orchestrator.promotion.choosing import Choice
from orchestrator.promotion.gate import Decision
from orchestrator.promotion.looks import Ledger, Look
from orchestrator.promotion.measuring import costs_of, robustness
from orchestrator.promotion.passing import Rule, pass_gate
from orchestrator.promotion.split_scores import FILE_NAME, SplitScores
from orchestrator.records import TrialRecord
from orchestrator.session import Session
from orchestrator.tracking.registry import Registry

_TRIALS = "final_trials"


@dataclass(frozen=True)
class Promoted:
    """A version, and what the gate said of it."""

    name: str
    version: str
    tested: SplitScores
    look: Look
    decision: Decision
    against: str | None


@dataclass(frozen=True)
class Finals:
    """Trainings that are all complete: of each seed one a stream, in the winner's order."""

    session: Session
    choice: Choice
    records: tuple[TrialRecord, ...]

    @property
    def winner(self) -> Candidate:
        return self.choice.winner

    @property
    def by_seed(self) -> list[tuple[TrialRecord, ...]]:
        num = len(self.winner.members)
        return [self.records[at : at + num] for at in range(0, len(self.records), num)]

    @property
    def trials(self) -> tuple[str, ...]:
        return tuple(record.plan.id for record in self.records)

    @property
    def name(self) -> str:
        """`<model>-<data>-<protocol>`; streams of different models are all named."""
        configs = [record.plan.config for record in self.by_seed[0]]
        models = dict.fromkeys(config["model"]["name"] for config in configs)
        data = configs[0]["data"]
        return f"{'-'.join(models)}-{data['name']}-{data['protocol']}"

    @property
    def protocol(self) -> str:
        return str(self.records[0].plan.config["data"]["protocol"])

    @property
    def device(self) -> str:
        return "auto" if self.session.study.spec.resources.gpu > 0 else "cpu"

    def folder(self, record: TrialRecord) -> Path:
        return self.session.folder.bring(record.plan.id)


def finish(finals: Finals, store: ArrayStore, rule: Rule) -> Promoted:
    """Each step is done once: a promotion that was cut off goes on where it was."""
    _require_runs(finals)
    registry = Registry(finals.session.services.tracking_uri)
    home, name = finals.session.services.home, finals.name
    ledger = Ledger.of(home, finals.records[0].plan.data_digest, finals.protocol)
    look = ledger.ask(name, finals.trials)
    tested = _tested(finals, registry)
    ledger.tell(look, tested.top1)
    version = registry.find(name, {_TRIALS: " ".join(finals.trials)})
    if version is None:
        version = _register(finals, store, registry, tested, look)
    decision, against = pass_gate(registry, name, version, tested, rule)
    return Promoted(name, version, tested, look, decision, against)


def _tested(finals: Finals, registry: Registry) -> SplitScores:
    """The look itself. What was seen before is not computed again."""
    for record in finals.records:
        files = TrialFiles(finals.folder(record))
        if not files.predictions.exists():
            root = finals.session.services.home.data
            figures = evaluate_final(files.root, root, device=finals.device)
            finals.session.folder.keep(files.predictions)
            registry.log_figures(_run_of(finals, record), figures)
    trials, winner = finals.session.folder.trials, finals.winner
    fused = [fused_scores(of, winner.weights, trials, winner.fuse) for of in finals.by_seed]
    known = [scores for scores in fused if scores is not None and scores.split == "test"]
    if len(known) < len(fused):
        raise SkelTuneError("the final trainings have no scores of test; delete their predictions")
    return SplitScores.of([of[0].plan.seed for of in finals.by_seed], known)


def _register(
    finals: Finals, store: ArrayStore, registry: Registry, tested: SplitScores, look: Look
) -> str:
    lineage = _lineage(finals, tested, look)
    artefact = _artefact(finals, store, lineage)
    facts = Facts(
        description=artefact.description,
        tested=tested,
        look=look,
        costs=costs_of(artefact, finals.device),
        robustness=robustness(artefact, store, finals.protocol, finals.device),
        lineage=lineage,
        terms=terms_of(store.name),
        selected_on=finals.session.study.baseline.select_on,
    )
    with tempfile.TemporaryDirectory() as beside:
        folder, scores = Path(beside) / "model", Path(beside) / FILE_NAME
        save_artefact(folder, artefact, card(facts))
        tested.save(scores)
        run_id = _run_of(finals, finals.records[0])
        told = short_description(facts)
        return registry.register(finals.name, run_id, folder, [scores], lineage, told)


def _artefact(finals: Finals, store: ArrayStore, lineage: dict[str, str]) -> Artefact:
    """Of the first seed: to choose one by its figure on test would spoil the figure."""
    winner = finals.winner
    streams = zip(winner.members, winner.weights, finals.by_seed[0], strict=True)
    members = [
        trial_member(finals.folder(record), store, name=stream or None, weight=weight)
        for stream, weight, record in streams
    ]
    return make_artefact(finals.name, members, store, fusing=winner.fuse, lineage=lineage)


def _lineage(finals: Finals, tested: SplitScores, look: Look) -> dict[str, str]:
    study, choice = finals.session.study, finals.choice
    told = {
        "study": study.spec.study,
        "variant": choice.winner.variant,
        "chosen": choice.why,
        "selected_on": study.baseline.select_on,
        "chosen_from": " ".join(choice.winner.trials),
        _TRIALS: " ".join(finals.trials),
        "seeds": " ".join(map(str, tested.seeds)),
        "data_digest": tested.data_digest,
        "commit": environment().get("commit", "unknown"),
        "test/top1": f"{tested.top1:.4f}",
        "looks": str(look.number),
        "looked_by": f"{look.who} at {look.when}",
    }
    return {key: value for key, value in told.items() if value}


def _require_runs(finals: Finals) -> None:
    """Before test is looked at: raise `SkelTuneError` unless MLflow has the final trainings."""
    if {*finals.trials} & finals.session.tracker.catch_up():
        raise SkelTuneError(
            f"the final trainings are done; {finals.session.services.tracking_uri} did not take "
            "their runs, so no model is registered: the same command does it"
        )


def _run_of(finals: Finals, record: TrialRecord) -> str:
    return finals.session.tracker.run_ids[record.plan.id]

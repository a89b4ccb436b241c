"""Searches whose trials nobody trains: what a point is worth follows from its parameters."""

from __future__ import annotations

from orchestrator.objective import Objective
from orchestrator.records import State, TrialRecord
from orchestrator.search.sampling import Proposals
from orchestrator.search.spec import Search
from tests.orchestrator.made_up import make_plan, make_record

SPACE = {
    "model.name": {"choice": ["mdrgcn", "ctrgcn"]},
    "model.temporal_kernels": {"choice": [[5], [3, 5], [3, 5, 7]]},
    "model.cvsta_ratio": {"int": [2, 16], "when": {"model.name": "mdrgcn"}},
    "optimizer.lr": {"float": [1e-3, 1.0], "log": True},
}
NUMBERS = {
    "model.cvsta_ratio": {"int": [2, 16]},
    "optimizer.lr": {"float": [1e-3, 1.0], "log": True},
    "loss.embedding.inter": {"float": [0.0, 1.0]},
}
CONDITIONAL = [
    {"name": "random"},
    {"name": "quasi_random"},
    {"name": "quasi_random", "sequence": "halton"},
    {"name": "tpe", "startup_trials": 3},
]
TPE = CONDITIONAL[-1]
UNCONDITIONAL = [
    {"name": "gp", "startup_trials": 3},
    {"name": "cmaes", "population": 4},
    {"name": "nsga2", "population": 3},
]
SEARCHES = [(s, SPACE) for s in CONDITIONAL] + [(s, NUMBERS) for s in UNCONDITIONAL]
OUTCOMES = [State.COMPLETE, State.PRUNED, State.COMPLETE, State.DIVERGED, State.FAILED]


def proposals_of(sampler=TPE, space=SPACE, mode="max", objectives=(), **content) -> Proposals:
    content = {"trials": 99, "space": space, "sampler": sampler, "seed": 0} | content
    wanted = [Objective(metric="val/top1", mode=mode), *objectives]
    return Proposals(Search.model_validate(content), wanted, {"model.name": "mdrgcn"})


def propose(proposals: Proposals, number: int) -> TrialRecord:
    """Ask, accept, and make up how the trial went from its parameters."""
    suggestion, params = proposals.ask(number, 0)
    proposals.accept(suggestion, f"t{number}", params)
    worth = 50 - 100 * abs(params["optimizer.lr"] - 0.1) + len(params)
    plan = make_plan(f"t{number}", params=params)
    return make_record(plan, [worth / 2, worth], OUTCOMES[number % len(OUTCOMES)])


def tell(proposals: Proposals, record: TrialRecord) -> None:
    for metrics in record.epochs:
        proposals.report(record.plan.id, metrics["epoch"], metrics["val/top1"])
    proposals.tell(record)


def search(proposals: Proposals, number: int) -> list[TrialRecord]:
    records = []
    for index in range(number):
        records.append(propose(proposals, index))
        tell(proposals, records[-1])
    return records

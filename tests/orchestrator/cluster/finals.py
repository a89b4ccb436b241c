"""A final training by two workers, and a driver of it that can be killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.store import open_store
from orchestrator.causes import Cause, Loss
from orchestrator.cluster.attempts import Job
from orchestrator.cluster.final import run_finals
from orchestrator.cluster.nodes import Cluster, cluster
from orchestrator.interruption import Stop
from orchestrator.planning.trials import plan_of
from orchestrator.records import Role, State, TrialPlan
from orchestrator.search.scheduler_spec import NoScheduler
from orchestrator.spec import Limits, Resources
from orchestrator.storage.worker import Kept
from tests.engine.trials import make_config
from tests.orchestrator.made_up import TOP1


@dataclass
class Heard:
    """A listener that keeps what it is told, and does something at an epoch."""

    at_epoch: Callable[[int], None] = lambda epoch: None
    epochs: list[int] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    ends: list[State] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)

    def started(self, plan: TrialPlan) -> None: ...

    def epoch(self, plan: TrialPlan, metrics: dict[str, float], is_pruned: bool) -> None:
        epoch = int(metrics["epoch"])
        if epoch not in self.epochs:
            self.epochs.append(epoch)
            self.at_epoch(epoch)

    def lost(self, plan: TrialPlan, cause: Cause, detail: str, node: str | None) -> Sequence[Loss]:
        self.losses.append(Loss(cause, len(self.epochs)))
        return self.losses

    def ended(self, plan, state, result, error, cause) -> None:
        self.ends.append(state)
        self.errors.append(error)

    def stopping(self, seconds: float) -> None: ...

    def tick(self) -> None: ...


@dataclass
class Plans:
    """A source of these plans."""

    plans: list[TrialPlan]
    is_waiting = False
    total = 1

    @property
    def num_left(self) -> int:
        return len(self.plans)

    def next(self) -> TrialPlan | None:
        return self.plans.pop(0) if self.plans else None


def make_job(root: Path, data_root: Path) -> Job:
    return Job(
        objective=TOP1,
        resources=Resources(),
        scheduler=NoScheduler(name="none"),
        retries=2,
        limits=Limits(),
        stop_after_same_errors=None,
        max_concurrent=None,
        kept=Kept(str(root / "trials"), str(data_root)),
        scratch=root / "ray",
        device="cpu",
    )


def final_plan(data_root: Path, **changes: object) -> TrialPlan:
    content = {"select_on": "none", "batch_size": 8, "optimizer.lr": 1e-3, "epochs": 4, **changes}
    config = make_config(content | {"workers": {"num": 2}})
    return plan_of(config, open_store("synthetic", data_root), "final", Role.FINAL)


def run(plan: TrialPlan, heard: Heard, job: Job, stop: Stop | None = None) -> None:
    with cluster(Cluster(num_cpus=2), job.resources):
        run_finals(Plans([plan]), heard, job, [], stop or Stop())


def main() -> None:
    """`python -m tests.orchestrator.cluster.finals FOLDER DATA`: tells its epochs."""
    root, data_root = map(Path, sys.argv[1:])
    heard = Heard(lambda epoch: print("epoch", epoch, flush=True))
    run(final_plan(data_root), heard, make_job(root, data_root))


if __name__ == "__main__":
    main()

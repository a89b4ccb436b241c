"""What a promotion trains."""

from __future__ import annotations

from pathlib import Path

from orchestrator.engine.config import TrialConfig, Workers
from orchestrator.planning.finals import final_plans
from orchestrator.planning.trials import Planner
from orchestrator.records import Role

SPACE = {"search": {"trials": 2, "space": {"optimizer.lr": {"float": [0.01, 0.1]}}}}
STREAMS = {name: {"data.stream": name, "optimizer.lr": 0.02} for name in ("joint", "bone")}


def test_every_seed_trains_every_stream_on_train_and_val(study_of, data_root: Path):
    planner = Planner(study_of(**SPACE, overrides={"max_clips": 3}), data_root)

    plans = final_plans(planner, "best", STREAMS, seeds=[7, 8])

    configs = [TrialConfig.model_validate(plan.config) for plan in plans]
    assert [(c.seed, c.data.args["stream"]) for c in configs] == [
        (7, "joint"),
        (7, "bone"),
        (8, "joint"),
        (8, "bone"),
    ]
    assert {plan.role for plan in plans} == {Role.FINAL}
    assert len({plan.id for plan in plans}) == 4
    assert all(c.fit_splits == ("train", "val") and c.select_on == "none" for c in configs)
    assert all(c.max_clips is None and c.optimizer.args["lr"] == 0.02 for c in configs)


def test_workers_are_part_of_a_final_training(study_of, data_root: Path):
    planner = Planner(study_of(**SPACE), data_root)
    workers = Workers(num=2, batch="per_worker", lr_scaling="linear")

    (alone,) = final_plans(planner, "best", {"": {}}, seeds=[0])
    (together,) = final_plans(planner, "best", {"": {}}, seeds=[0], workers=workers)

    assert alone.name == together.name == "final best seed 0"
    assert alone.id != together.id
    assert TrialConfig.model_validate(together.config).workers == workers

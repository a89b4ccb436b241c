"""Champions in a real registry: moved under a lock that one process has at a time."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from orchestrator.engine.errors import SkelTuneError
from orchestrator.promotion.passing import Rule, pass_gate
from orchestrator.promotion.rollback import roll_back
from orchestrator.promotion.split_scores import FILE_NAME, SplitScores
from orchestrator.storage.lease import Owner
from orchestrator.tracking.exclusion import RegistryBusyError, alone
from orchestrator.tracking.registry import Move, Registry
from tests.orchestrator.promotion.made_up import hitting

pytestmark = pytest.mark.slow
MOVE = Move("1", "now", "somebody", "a test")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").create_experiment("e", (path.parent / "files").as_uri())
    return path


@pytest.fixture
def registry(empty: Path, tmp_path: Path) -> Registry:
    shutil.copy(empty, tmp_path)
    registry = Registry(f"sqlite:///{tmp_path / empty.name}")
    MlflowClient(registry.uri).create_registered_model("m")
    return registry


def registered(registry: Registry, scores: SplitScores, folder: Path) -> str:
    """A version whose gate file is there; of its model nothing is needed."""
    client = MlflowClient(registry.uri)
    run = client.create_run(client.get_experiment_by_name("e").experiment_id)
    scores.save(folder / FILE_NAME)
    client.log_artifact(run.info.run_id, str(folder / FILE_NAME), "gate")
    source = f"runs:/{run.info.run_id}/gate"
    return str(client.create_model_version("m", source, run.info.run_id).version)


def test_the_gate_opens_for_the_better_alone(registry, tmp_path):
    poor, idle, good = (hitting(number) for number in (50, 51, 90))
    versions = [registered(registry, scores, tmp_path) for scores in (poor, idle, good)]

    verdicts = [
        pass_gate(registry, "m", version, scores, Rule())[0].verdict
        for version, scores in zip(versions, (poor, idle, good), strict=True)
    ]

    assert verdicts == ["first", "not shown", "better"]
    assert registry.champion("m") == "3"
    assert [move.version for move in registry.history("m")] == ["1", "3"]
    tags = MlflowClient(registry.uri).get_model_version("m", "2").tags
    assert (tags["gate"], tags["gate/against"]) == ("not shown", "1")


def test_what_was_forced_is_recorded_and_can_be_taken_back(registry, tmp_path):
    good, poor = hitting(90), hitting(50)
    first, second = (registered(registry, scores, tmp_path) for scores in (good, poor))
    pass_gate(registry, "m", first, good, Rule())

    pass_gate(registry, "m", second, poor, Rule(is_forced=True))
    forced = registry.champion("m")
    roll_back(registry, "m")

    assert forced == second
    assert "@" in MlflowClient(registry.uri).get_model_version("m", second).tags["gate/forced_by"]
    assert registry.champion("m") == first
    with pytest.raises(SkelTuneError, match="no champion before 1"):
        roll_back(registry, "m")


def test_a_champion_without_scores_is_not_replaced_unless_forced(registry, tmp_path):
    client, scores = MlflowClient(registry.uri), hitting(90)
    client.create_model_version("m", str(tmp_path), None)
    client.set_registered_model_alias("m", "champion", "1")
    version = registered(registry, scores, tmp_path)

    decision, _ = pass_gate(registry, "m", version, scores, Rule())

    assert decision.verdict == "incomparable"
    assert registry.champion("m") == "1"


def test_the_alias_moves_only_from_the_version_that_was_compared(registry, tmp_path):
    for _ in range(2):
        registered(registry, hitting(50), tmp_path)
    registry.crown("m", "1", None, MOVE)

    with pytest.raises(SkelTuneError, match="version 1 now, not None"):
        registry.crown("m", "2", None, replace(MOVE, version="2"))

    assert registry.champion("m") == "1"


def test_two_promotions_at_a_time_cannot_both_win(registry, tmp_path):
    """Both would win against version 1; whoever is second meets the other as champion."""
    pass_gate(registry, "m", registered(registry, hitting(20), tmp_path), hitting(20), Rule())
    rivals = [registered(registry, hitting(90), tmp_path) for _ in range(2)]
    context = multiprocessing.get_context("spawn")
    barrier, told = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=_promote, args=[registry.uri, version, barrier, told])
        for version in rivals
    ]

    for worker in workers:
        worker.start()
    verdicts = sorted(told.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join(60)

    assert verdicts == ["better", "not shown"]
    assert len(registry.history("m")) == 2


def _promote(uri: str, version: str, barrier, told) -> None:
    registry = Registry(uri)
    registry.champion("m")  # all that is slow at first is done before both begin
    barrier.wait(100)
    told.put(pass_gate(registry, "m", version, hitting(90), Rule())[0].verdict.value)


def test_a_lock_that_is_held_is_waited_for_and_then_refused(registry):
    client = MlflowClient(registry.uri)

    refused = pytest.raises(RegistryBusyError, match="delete the registered model")
    with alone(client, "m"), refused, alone(client, "m", seconds=0.5):
        pass

    with alone(client, "m", seconds=0.5):
        pass


def test_the_lock_of_a_process_that_died_is_taken_over(registry):
    client, here = MlflowClient(registry.uri), Owner.this_process()
    machine = here.process.rpartition(" ")[0]
    dead = replace(here, id="dead", process=f"{machine} 1")
    client.create_registered_model("m.lock", description=json.dumps(asdict(dead)))

    with alone(client, "m", seconds=5) as fence:
        fence()

    left = {model.name for model in client.search_registered_models()}
    assert left == {"m", "m.lock.dead"}

"""Several trials in one worker: each as in a fresh one, and nothing of it is left."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.causes import Cause
from orchestrator.cluster import worker
from orchestrator.cluster.schedulers import metrics_of
from orchestrator.cluster.worker import EngineTrainable, ProcessState
from orchestrator.engine.config import TrialConfig
from tests.engine.trials import TRIAL

TRIALS = [{"seed": 0}, {"seed": 1, "precision": "bf16"}, {"seed": 0}]


@pytest.fixture
def settings(tmp_path: Path, data_root: Path) -> Any:
    def settings(name: str, **changes: Any) -> dict[str, Any]:
        config = TrialConfig.model_validate(TRIAL | {"epochs": 2} | changes).plain()
        limits = {"hours": None, "stall_minutes": 60}
        kept = {"trials": str(tmp_path), "data_root": str(data_root)}
        trial = {"kept": kept, "trial": name, "data_digest": ""}
        return {"config": config, "device": "cpu", "limits": limits, **trial}

    return settings


def told(trainable: EngineTrainable) -> list[dict[str, Any]]:
    """The epochs, as far as they do not depend on the time."""
    results = [trainable.step() for _ in range(2)]
    figures = ("epoch", "train/loss", "val/top1", "val/loss", "lr")
    return [{key: metrics_of(result)[key] for key in figures} for result in results]


def trainable_of(config: dict[str, Any]) -> EngineTrainable:
    made = EngineTrainable.__new__(EngineTrainable)
    made.setup(config)
    return made


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_trials_one_after_the_other_end_as_in_fresh_workers(settings):
    fresh = [told(trainable_of(settings(f"f{n}", **t))) for n, t in enumerate(TRIALS)]
    warm = trainable_of(settings("w0", **TRIALS[0]))
    found = [told(warm)]

    for number, trial in enumerate(TRIALS[1:], start=1):
        warm.reset_config(settings(f"w{number}", **trial))
        found.append(told(warm))

    assert found == fresh


def test_nothing_of_a_trial_is_left_in_the_process(settings):
    warm = trainable_of(settings("first"))
    told(warm)
    before, files = warm._fresh, open_files()

    for number in range(3):
        warm.reset_config(settings(str(number), seed=number))
        warm.step()
        torch.set_default_dtype(torch.float64)
        torch.backends.cudnn.benchmark = True
        warm._clean()

    after = ProcessState.now()
    assert open_files() == files
    assert (after.dtype, after.cudnn, after.threads) == (before.dtype, before.cudnn, before.threads)
    assert torch.equal(after.rng[2], before.rng[2])
    assert after.rng[0] == before.rng[0]


@pytest.mark.parametrize(
    ("error", "cause"),
    [(ValueError("no"), Cause.USER_ERROR), (MemoryError(), Cause.OUT_OF_HOST_MEMORY)],
)
def test_an_error_is_a_result_with_its_cause_and_its_traceback(
    settings, monkeypatch: pytest.MonkeyPatch, error, cause
):
    def epochs(*args: Any, **kwargs: Any) -> Any:
        raise error
        yield

    monkeypatch.setattr(worker, "train_epochs", epochs)

    result = trainable_of(settings("bad")).step()

    assert (result["outcome"], result["cause"]) == ("failed", cause.value)
    assert "Traceback" in result["error"]
    assert ("the peak was" in result["error"]) == cause.is_memory


def test_a_trial_without_time_left_ends_between_two_epochs(settings):
    limited = settings("late") | {"limits": {"hours": 1e-9, "stall_minutes": None}}
    trainable = trainable_of(limited)
    trainable._clock.epoch(1.0)

    result = trainable.step()

    assert (result["outcome"], result["cause"]) == ("failed", Cause.TIMEOUT.value)

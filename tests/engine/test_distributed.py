"""Two workers do what one does with all clips of every batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from orchestrator.engine.config import TrialConfig
from orchestrator.engine.distributed import Team
from orchestrator.engine.errors import SpecError
from orchestrator.engine.files import TrialFiles, load_predictions, load_state
from orchestrator.engine.trial import load_result, train_epochs
from tests.engine.together import Steps, exact_steps, exact_steps_together, train_together
from tests.engine.trials import make_config, train, untimed

TWO = {"workers": {"num": 2}}
CTRGCN = {"name": "ctrgcn", "width": 4, "rel_reduction": 2}
SLNL = {"name": "slnl", "channels": [4, 8], "num_slnl_blocks": 1, "new_joints": 8, "dropout": 0.0}
DUALHEAD = {"name": "dualhead", "width": 12, "fine_width": 12, "gcn_scales": 2, "g3d_scales": 2}
CASES = {
    "the embedding against its centres": {},
    "pairs of the batch, the last of which is uneven": {
        "loss.embedding": {"name": "rdl", "mode": "released"},
        "batch_size": 3,
    },
    "sums over the batch, clipped gradients": {
        "model": CTRGCN,
        "loss.embedding": {"name": "center"},
        "clip_grad_norm": 1.0,
    },
    "a last batch of one clip": {"batch_size": 7},
    "moments before the maps": {"model": DUALHEAD, "loss.embedding": None},
    "streams, persons and soft margins": {
        "model": SLNL,
        "loss": {"classification": {"name": "smfl"}, "embedding": {"name": "rdl"}},
    },
    "a margin that counts its steps": {
        "model": CTRGCN,
        "loss": {"classification": {"name": "sphereface"}},
    },
}


@pytest.fixture(scope="module")
def together(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Steps]]:
    configs = {name: make_config(changes | TWO) for name, changes in CASES.items()}
    return exact_steps_together(configs, tmp_path_factory.mktemp("together"), data_root)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_every_step_of_two_workers_is_that_of_one(
    together: dict[str, list[Steps]], data_root: Path, case
):
    alone = exact_steps(make_config(CASES[case]), data_root)

    for worker in together[case]:
        for ours, theirs in zip(worker[:4], alone[:4], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(worker.predictions, alone.predictions, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_training_by_two_workers_that_was_broken_off_ends_as_that_of_one(
    data_root: Path, tmp_path: Path
):
    changes = {"optimizer.lr": 1e-4, "epochs": 3, "robust_noise": 0.5, "monitor": "loss"}
    config = make_config(changes | {"workers": {"num": 2, "batch": "per_worker"}})
    train_together(config, tmp_path / "two", data_root, stop_after=1)
    train_together(config, tmp_path / "two", data_root)

    train(make_config(changes | {"batch_size": 8}), tmp_path / "one", data_root)

    two, one = TrialFiles(tmp_path / "two"), TrialFiles(tmp_path / "one")
    histories = [load_state(files.last)["history"] for files in (two, one)]
    for ours, theirs in zip(*histories, strict=True):
        assert untimed(ours) == pytest.approx(untimed(theirs), rel=1e-2)
    ours, theirs = load_result(two), load_result(one)
    assert untimed(ours["best"]) == pytest.approx(untimed(theirs["best"]), rel=1e-2)
    assert ours["workers"]["whole_batch"] == 8
    scores = [load_predictions(files.predictions)["scores"] for files in (two, one)]
    np.testing.assert_allclose(*scores, rtol=0.05, atol=0.02)
    assert not (tmp_path / "two_1").exists()


@pytest.mark.slow
def test_norms_of_one_worker_s_rows_leave_all_workers_with_the_same_weights(
    data_root: Path, tmp_path: Path
):
    workers = {"num": 2, "batch_norm": "per_device"}
    train_together(make_config({"workers": workers, "epochs": 1}), tmp_path / "two", data_root)

    train(make_config({"epochs": 1}), tmp_path / "one", data_root)

    states = [load_state(TrialFiles(tmp_path / name).last)["model"] for name in ("two", "one")]
    assert all(weights.isfinite().all() for weights in states[0].values())
    assert any(not torch.allclose(ours, states[1][name]) for name, ours in states[0].items())


def test_as_many_workers_train_as_the_trial_says(data_root: Path, tmp_path: Path):
    epochs = train_epochs(make_config(TWO), tmp_path, data_root=data_root, device="cpu")

    with pytest.raises(ValueError, match=r"wants workers\.num = 2, and 1 train it"):
        next(epochs)


def test_a_process_that_nobody_joined_to_others_is_alone():
    assert Team.present() == Team(rank=0, size=1)
    assert Team(rank=1, size=2).seed(5) != Team(rank=0, size=2).seed(5) == Team().seed(5)


@pytest.mark.parametrize(
    ("workers", "whole_batch", "lr"),
    [
        ({"num": 4}, 4, 0.05),
        ({"num": 4, "batch": "per_worker"}, 16, 0.05),
        ({"num": 4, "batch": "per_worker", "lr_scaling": "linear"}, 16, 0.2),
        ({"num": 4, "batch": "per_worker", "lr_scaling": "sqrt"}, 16, 0.1),
    ],
)
def test_batch_and_rate_follow_from_the_workers_by_rule(workers, whole_batch, lr):
    config: TrialConfig = make_config({"workers": workers})

    assert config.whole_batch == whole_batch
    assert config.lr == pytest.approx(lr)


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        ({"num": 5}, r"workers\.num must not exceed batch_size, got 5 workers and a batch of 4"),
        ({"num": 2, "lr_scaling": "linear"}, "needs batch: per_worker"),
    ],
)
def test_workers_that_would_have_nothing_to_do_or_scale_are_refused(workers, message):
    with pytest.raises(SpecError, match=message):
        make_config({"workers": workers})


def test_a_trial_without_workers_is_the_one_that_it_was():
    plain = make_config().plain()

    assert plain.pop("workers") is None
    assert make_config().digest("data") == TrialConfig.model_validate(plain).digest("data")

"""Shares of GPUs, from memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cluster.packing import HEAD_ROOM, MOST_TRIALS_A_GPU, GpuKind, Needs, share_of
from orchestrator.engine.config import TrialConfig

GIB = 2**30
SMALL, LARGE = GpuKind("T4", 16 * GIB), GpuKind("A100", 80 * GIB)


def config(**changes: object) -> TrialConfig:
    plain = {"model": {"name": "stgcn"}, "data": {"name": "synthetic"}, "epochs": 2}
    return TrialConfig.model_validate(plain | {"batch_size": 8} | changes)


def test_as_many_trials_share_a_gpu_as_have_room():
    assert share_of(4 * GIB, [SMALL]).gpu == pytest.approx(1 / 3, abs=1e-4)  # 3 x 4.6 in 16 GiB
    assert share_of(10 * GIB, [SMALL]).gpu == 1
    assert share_of(1, [SMALL]).gpu == 1 / MOST_TRIALS_A_GPU


@given(need=st.integers(1, 100 * GIB), memory=st.integers(GIB, 200 * GIB))
def test_trials_that_fit_a_gpu_by_their_shares_fit_its_memory(need: int, memory: int):
    share = share_of(need, [GpuKind("one", memory)]).gpu

    together = int(1 / share)

    assert together >= 1
    assert together == 1 or together * HEAD_ROOM * need <= memory


def test_a_trial_that_the_smaller_gpus_do_not_hold_asks_for_the_larger_kind():
    assert share_of(4 * GIB, [LARGE, SMALL]).kind is None
    assert share_of(30 * GIB, [LARGE, SMALL]) == share_of(30 * GIB, [LARGE])._replace(kind="A100")


def test_what_no_gpu_holds_gets_the_largest_alone():
    share = share_of(200 * GIB, [SMALL, LARGE])

    assert share == (1.0, "A100")


def test_a_measured_shape_is_known_whatever_its_seed_and_rate():
    needs = Needs(lambda _: 100)
    needs.learn(config(seed=1), 700)
    needs.learn(config(seed=1), 500)

    assert needs.of(config(seed=2, optimizer={"name": "sgd", "lr": 0.5})) == 700


def test_a_new_shape_is_foretold_by_the_worst_that_measured_ones_were_off():
    needs = Needs(lambda trial: 10 * trial.batch_size)
    assert needs.of(config(batch_size=64)) == 640

    needs.learn(config(batch_size=8), 160)
    needs.learn(config(batch_size=16), 200)

    assert needs.of(config(batch_size=64)) == 2 * 640

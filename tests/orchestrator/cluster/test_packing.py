"""Shares of GPUs, from memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cluster.packing import HEAD_ROOM, MOST_TRIALS_A_GPU, GpuKind, Packing, share_of
from orchestrator.engine.config import TrialConfig
from orchestrator.records import Role, TrialPlan
from orchestrator.spec import Resources, StudySpec

GIB = 2**30
SMALL, LARGE = GpuKind("T4", 16 * GIB), GpuKind("A100", 80 * GIB)


def config(**changes: object) -> TrialConfig:
    plain = {"model": {"name": "stgcn"}, "data": {"name": "synthetic"}, "epochs": 2}
    return TrialConfig.model_validate(plain | {"batch_size": 8} | changes)


def plan(**changes: object) -> TrialPlan:
    plain = config(**changes).plain()
    return TrialPlan("id", "name", Role.CELL, "variant", 0, {}, plain, "digest")


@dataclass
class Gpus:
    """On which a training takes so many GiB a clip of its batch, and is estimated at half of it."""

    gib_a_clip: float = 0.5
    measured: list[int] = field(default_factory=list)

    def packing(self) -> Packing:
        return Packing(Resources(gpu=1), [SMALL], self.measure, self.estimate)

    def measure(self, plans: Sequence[TrialPlan]) -> Iterator[tuple[TrialPlan, int]]:
        for one in plans:
            self.measured.append(one.config["batch_size"])
            yield one, int(one.config["batch_size"] * self.gib_a_clip * GIB)

    def estimate(self, trial: TrialConfig) -> int:
        return int(trial.batch_size * self.gib_a_clip * GIB / 2)


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


def test_each_shape_is_measured_once_whatever_its_seed_and_rate():
    gpus = Gpus()
    packing = gpus.packing()

    packing.learn([plan(seed=1), plan(seed=2), plan(optimizer={"name": "sgd", "lr": 0.5})])

    assert gpus.measured == [8]
    assert packing(plan(seed=3)).gpu == pytest.approx(1 / 3, abs=1e-4)  # 3 x 4.6 in 16 GiB


def test_a_search_measures_its_first_trial_and_foretells_other_shapes_by_it():
    gpus = Gpus()
    packing = gpus.packing()

    shares = [packing(plan(batch_size=size)).gpu for size in (8, 4, 16)]

    assert gpus.measured == [8]
    assert shares == pytest.approx([1 / 3, 1 / 6, 1], abs=1e-4)  # 4.6, 2.3 and 9.2 GiB


def test_a_kind_of_gpu_that_the_study_names_is_kept():
    packing = Gpus().packing()
    packing.resources = Resources(gpu=1, gpu_kind="T4")

    assert packing(plan()).asked["accelerator_type:T4"] > 0


def test_resources_auto_are_a_measured_share_and_need_no_gpu():
    document = {"study": "s", "trial": "t", "objective": {"metric": "val/top1"}}
    changes = {"resources": "auto", "ablation": {"variants": {"slow": {"optimizer.lr": 0.01}}}}
    auto = StudySpec.model_validate(document | changes).resources

    assert auto.measured
    assert auto.gpu == 1
    assert auto.least.asked == {"CPU": 1, "GPU": 0}

import math

import pytest
import torch
from torch import nn

from orchestrator.engine.optim import LR_SCHEDULES, OPTIMIZERS, constant, cosine, exponential, step


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_steps_down_a_parabola_at_its_rate(name):
    parameter = nn.Parameter(torch.tensor([1.0]))
    optimizer = OPTIMIZERS[name]([parameter], lr=0.01, weight_decay=0.0)

    for _ in range(5):
        optimizer.zero_grad()
        (parameter**2).sum().backward()
        optimizer.step()

    assert optimizer.param_groups[0]["lr"] == 0.01
    assert 0 < parameter.item() < 0.96


def test_the_options_of_an_optimizer_reach_its_groups():
    parameters = [nn.Parameter(torch.zeros(1))]

    sgd = OPTIMIZERS["sgd"](parameters, momentum=0.8, nesterov=False, weight_decay=0.5)
    adam = OPTIMIZERS["adam"](parameters, betas=(0.8, 0.9))

    group = sgd.param_groups[0]
    assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.8, False, 0.5)
    assert adam.param_groups[0]["betas"] == (0.8, 0.9)


def test_options_that_exclude_each_other_are_a_value_error():
    with pytest.raises(ValueError, match="momentum"):
        OPTIMIZERS["sgd"]([nn.Parameter(torch.zeros(1))], momentum=0.0, nesterov=True)


@pytest.mark.parametrize("name", LR_SCHEDULES)
def test_the_warm_up_rises_by_whole_epochs_to_the_full_rate(name):
    schedule = LR_SCHEDULES[name](40, warmup_epochs=4)

    factors = [schedule(epoch) for epoch in (0, 0.9, 1, 2.5)]

    assert factors == [0.25, 0.25, 0.5, 0.75]
    assert schedule(3) == 1.0


@pytest.mark.parametrize("name", LR_SCHEDULES)
def test_without_a_warm_up_a_schedule_starts_at_the_full_rate(name):
    assert LR_SCHEDULES[name](40)(0.0) == 1.0


def test_the_constant_schedule_stays_after_its_warm_up():
    schedule = constant(10, warmup_epochs=2)

    assert [schedule(epoch) for epoch in (1.5, 2, 9.9)] == [1.0, 1.0, 1.0]


def test_the_step_schedule_falls_at_each_milestone():
    schedule = step(30, milestones=(10, 20), gamma=0.1)

    assert [schedule(9.99), schedule(10), schedule(19.5)] == [1.0, 0.1, 0.1]
    assert schedule(20) == pytest.approx(0.01)


def test_the_exponential_schedule_falls_by_its_factor_every_epoch():
    schedule = exponential(30, gamma=0.5)

    assert [schedule(0), schedule(0.9), schedule(1), schedule(3.5)] == [1.0, 1.0, 0.5, 0.125]


def test_a_milestone_in_the_warm_up_holds_after_it():
    schedule = step(30, milestones=(1,), gamma=0.5, warmup_epochs=2)

    assert [schedule(1), schedule(2)] == [1.0, 0.5]


def test_the_cosine_falls_from_one_to_its_final_share():
    schedule = cosine(10, final=0.2)

    assert [schedule(0), schedule(5), schedule(10)] == pytest.approx([1.0, 0.6, 0.2])
    assert schedule(2.5) == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 4)))


def test_the_cosine_starts_after_the_warm_up_and_reaches_zero_at_the_end():
    schedule = cosine(10, warmup_epochs=2)

    assert [schedule(2), schedule(6), schedule(10)] == pytest.approx([1.0, 0.5, 0.0])
    assert schedule(11) == pytest.approx(0.0)


def test_the_cosine_falls_within_an_epoch():
    schedule = cosine(10)

    assert schedule(3.0) > schedule(3.5) > schedule(4.0)


@pytest.mark.parametrize("warmup_epochs", [4, 5])
def test_a_cosine_that_is_all_warm_up_is_defined_everywhere(warmup_epochs):
    schedule = cosine(4, warmup_epochs=warmup_epochs)

    assert all(0 < schedule(epoch / 2) <= 1 for epoch in range(8))

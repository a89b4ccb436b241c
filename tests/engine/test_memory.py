import torch
from torch import nn

from orchestrator.engine.memory import peak_bytes

MEGABYTE = 1_000_000


def megabyte() -> torch.Tensor:
    return torch.zeros(250, 1000)


def test_the_peak_is_the_most_that_is_alive_at_a_time():
    with peak_bytes() as peak:
        first = megabyte()
        second = first + 1
        del second
        third = first + 2

    assert third.numel() == 250_000
    assert peak() == 2 * MEGABYTE


def test_views_and_operations_in_place_take_nothing():
    with peak_bytes() as peak:
        x = megabyte()
        x.relu_().view(1000, 250).mul_(2)

    assert peak() == MEGABYTE


def test_what_was_there_before_does_not_count():
    before = megabyte()

    with peak_bytes() as peak:
        before.add_(1)
        before.view(-1)[:10].add_(1)

    assert peak() == 0


def test_what_autograd_keeps_counts_although_nobody_else_refers_to_it():
    chain = nn.Sequential(nn.Sigmoid(), nn.Sigmoid(), nn.Sigmoid())
    x = megabyte()

    with peak_bytes() as without_grad, torch.no_grad():
        chain(x)
    with peak_bytes() as with_grad:
        chain(x.requires_grad_())

    assert without_grad() == 2 * MEGABYTE
    assert with_grad() == 3 * MEGABYTE

"""Absent persons computed once give what computing all of them gives."""

import copy

import pytest
import torch

from models import MODELS
from models.persons import merge_absent
from tests.models.test_contract import SHAPE, build

LEAVING_ABSENT_ONES_OUT = {"slnl"}
PRESENT = torch.tensor([[True, False], [True, True], [True, False], [True, False], [False, True]])


def clips_with(present):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(len(present), 3, 8, SHAPE.num_joints, 2, generator=generator).double()
    return x * present[:, None, None, None, :]


def test_absent_persons_of_a_slot_share_one_row():
    merged = merge_absent(PRESENT)

    assert merged.kept.tolist() == [0, 1, 2, 3, 4, 6, 8, 9]
    assert merged.counts.tolist() == [1, 3, 1, 1, 1, 1, 1, 1]
    assert merged.place.tolist() == [0, 1, 2, 3, 4, 1, 5, 1, 6, 7]


@pytest.mark.parametrize("present", [None, torch.ones(3, 2, dtype=torch.bool)])
def test_nothing_is_merged_where_nobody_is_absent(present):
    assert merge_absent(present) is None


def test_one_absent_person_saves_nothing():
    assert merge_absent(torch.tensor([[True, False], [True, True]])) is None


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LEAVING_ABSENT_ONES_OUT])
def test_merging_changes_neither_values_nor_gradients_nor_statistics(name):
    full = build(name).double()
    for parameter in full.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    merged = copy.deepcopy(full)
    x = clips_with(PRESENT)

    for model, present in ((full, None), (merged, PRESENT)):
        heads = model(x, present).heads.values()
        torch.stack([head.square().sum() for head in heads]).sum().backward()

    largest = max(parameter.grad.abs().max().item() for parameter in full.parameters())
    for a, b in zip(full.parameters(), merged.parameters(), strict=True):
        torch.testing.assert_close(b.grad, a.grad, atol=1e-11 * largest, rtol=1e-10)
    for (key, a), (_, b) in zip(full.named_buffers(), merged.named_buffers(), strict=True):
        torch.testing.assert_close(b, a, atol=1e-10, rtol=1e-10, msg=key)
    scores = full.eval()(x).scores
    torch.testing.assert_close(merged.eval()(x, PRESENT).scores, scores, atol=1e-10, rtol=1e-10)

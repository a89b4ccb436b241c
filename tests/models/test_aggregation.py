"""Aggregation block by block gives what aggregating everything at once gives."""

import pytest
import torch

from models import aggregation
from models.aggregation import Factors, aggregate, aggregate_maps

B, K, C, R, T, V = 3, 2, 4, 2, 5, 6


def leaf(*sizes):
    return torch.randn(*sizes, dtype=torch.float64, requires_grad=True)


def operands():
    torch.manual_seed(0)
    topology = Factors(leaf(K, C, R), leaf(B, K, R, V * V), leaf(K, C, V * V))
    attention = Factors(leaf(K, C, R), leaf(B, K, R, T * V), leaf(K, C, 1))
    return leaf(B, K, C, T, V), topology, attention


def at_once(features, topology, attention=None):
    maps = topology.maps().unflatten(-1, (V, V))
    refinement = None if attention is None else attention.maps().view_as(features)
    return aggregate_maps(features, maps, refinement)


@pytest.mark.parametrize("num_values", [1, 2 * C * T * V, 10**6])
@pytest.mark.parametrize("num_factors", [1, 2])
def test_values_and_gradients_do_not_depend_on_the_blocks(monkeypatch, num_values, num_factors):
    monkeypatch.setattr(aggregation, "CACHED_VALUES", num_values)
    features, *factors = operands()[: 1 + num_factors]
    leaves = [features, *(part for factor in factors for part in factor)]

    results = [function(features, *factors) for function in (aggregate, at_once)]

    torch.testing.assert_close(*results, atol=1e-12, rtol=1e-12)
    weights = torch.randn_like(results[0])
    grads = [torch.autograd.grad((result * weights).sum(), leaves) for result in results]
    torch.testing.assert_close(*grads, atol=1e-12, rtol=1e-12)


def test_the_aggregation_is_its_equation_written_out():
    features, topology, attention = operands()

    y = aggregate(features, topology, attention)

    s = torch.einsum("kcr,bkrl->bkcl", attention.weight, attention.inner) + attention.offset
    t = torch.einsum("kcr,bkrl->bkcl", topology.weight, topology.inner) + topology.offset
    refined = features * s.view(B, K, C, T, V)
    expected = torch.einsum("bkctw,bkcwu->bctu", refined, t.view(B, K, C, V, V))
    torch.testing.assert_close(y, expected)


def test_nothing_as_large_as_the_maps_is_kept_for_the_backward_pass():
    features, topology, attention = operands()
    kept = []

    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda tensor: tensor):
        aggregate(features, topology, attention)

    given = features.numel() + sum(part.numel() for part in (*topology, *attention))
    assert sum(tensor.numel() for tensor in kept) == given


def test_sums_over_rows_are_wide_under_low_precision(monkeypatch):
    monkeypatch.setattr(aggregation, "CACHED_VALUES", 1)
    ones = torch.ones(512, 1, 1, 1, 1, dtype=torch.bfloat16)  # 256 + 1 is 256 in this precision
    topology = Factors(torch.ones(1, 1, 1, dtype=torch.bfloat16), ones[..., 0], ones[0, ..., 0])
    topology.weight.requires_grad_()

    aggregate(ones, topology).sum().backward()

    assert topology.weight.grad.item() == 512

"""No loss gives a value or a gradient that is not finite, however poor the network."""

import pytest
import torch

from losses import LOSSES
from losses.direction import direction
from tests.losses.objectives import (
    CASES,
    EMBEDDING_DIM,
    NUM_CLASSES,
    Objective,
    choices,
    embeddings,
    gradients,
)

EVERY_OPTION = pytest.mark.parametrize(
    ("kind", "name", "options"), [*((kind, name, {}) for kind, name in CASES), *choices()]
)
SATURATED = torch.tensor([[200.0, -200, -200, -200], [-200, 200, 200, 200], [200, 200, 0, -200]])
NORMAL = embeddings().detach()
POOR = {
    "no feature": (torch.zeros(5, EMBEDDING_DIM), [0, 3, 3, 1, 2]),
    "a dead sample": (torch.eye(5, EMBEDDING_DIM).cumsum(1)[:, [1] * 6], [0, 3, 3, 1, 2]),
    "one sample": (NORMAL[:1], [2]),
    "one dead sample alone": (torch.zeros(1, EMBEDDING_DIM), [2]),
    "one class": (NORMAL, [1] * 5),
    "equal samples": (torch.ones(5, EMBEDDING_DIM), [0, 3, 3, 1, 2]),
    "long features": (200 * NORMAL, [0, 3, 3, 1, 2]),
    "short features": (1e-6 * NORMAL, [0, 3, 3, 1, 2]),
}


def value_and_gradients(objective, x, labels):
    x = x.detach().requires_grad_()
    value = objective(x, labels)
    value.backward()
    return [value, *gradients(objective, x)]


@pytest.mark.parametrize("name", LOSSES["classification"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("label", range(NUM_CLASSES))
def test_saturated_scores_give_finite_losses_and_gradients(name, dtype, label):
    loss = LOSSES["classification"][name]()
    scores = SATURATED.to(dtype, copy=True).requires_grad_()
    extra = (torch.ones(3, 2),) if getattr(loss, "takes_embedding", False) else ()

    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        value = loss(scores, torch.full((3,), label), *extra)
    value.backward()

    assert value.isfinite()
    assert scores.grad.isfinite().all()


@EVERY_OPTION
@pytest.mark.parametrize("poor", POOR)
def test_poor_batches_give_finite_losses_and_gradients(kind, name, options, poor):
    x, labels = POOR[poor]

    found = value_and_gradients(Objective(kind, name, **options), x, torch.tensor(labels))

    assert all(tensor.isfinite().all() for tensor in found)


@EVERY_OPTION
def test_a_feature_of_zero_has_a_gradient_that_a_step_survives(kind, name, options):
    x, labels = POOR["no feature"]

    _, *grads = value_and_gradients(Objective(kind, name, **options), x, torch.tensor(labels))

    assert max(grad.abs().max() for grad in grads) < 100


@EVERY_OPTION
def test_a_network_in_bfloat16_gives_finite_losses_and_gradients(kind, name, options):
    objective, x = Objective(kind, name, **options), embeddings().bfloat16()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = value_and_gradients(objective, x, torch.tensor([0, 3, 3, 1, 2]))

    assert all(tensor.isfinite().all() for tensor in found)


def test_a_direction_has_length_one_and_a_row_of_zeros_none():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.0, -1e-9]], requires_grad=True)

    unit = direction(x)
    unit.sum().backward()

    torch.testing.assert_close(unit, torch.tensor([[0.6, 0.8], [0.0, 0.0], [0.0, -1.0]]))
    assert x.grad[1].tolist() == [0, 0]

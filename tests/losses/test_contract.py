"""What every loss of the tables promises to the engine."""

import copy

import pytest
import torch
from torch import nn

from losses import LOSSES
from losses.margin import MarginLoss
from tests.losses.objectives import (
    CASES,
    EMBEDDING_DIM,
    LABELS,
    NUM_CLASSES,
    Objective,
    choices,
    embeddings,
    gradients,
    same_state,
)

EVERY_LOSS = pytest.mark.parametrize(("kind", "name"), CASES)
MARGIN_LOSSES = [
    name for name, build in LOSSES["classification"].items() if isinstance(build(), MarginLoss)
]


def test_the_margin_losses_are_found():
    assert {"cosface", "arcface", "sphereface", "lace"} == set(MARGIN_LOSSES)


@EVERY_LOSS
def test_a_loss_is_a_finite_scalar_with_gradients(kind, name):
    objective, x = Objective(kind, name), embeddings()

    value = objective(x, LABELS)
    value.backward()

    assert value.shape == ()
    assert value.dtype == torch.float32
    assert all(grad.isfinite().all() and grad.any() for grad in gradients(objective, x))


@pytest.mark.parametrize(("kind", "name", "options"), list(choices()))
def test_every_value_of_every_choice_gives_gradients(kind, name, options):
    x = embeddings()

    Objective(kind, name, **options)(x, LABELS).backward()

    assert x.grad.isfinite().all()
    assert x.grad.any()


@pytest.mark.parametrize("name", LOSSES["classification"])
def test_a_classification_loss_is_the_mean_over_the_batch(name):
    objective, x = Objective("classification", name).eval(), embeddings()

    each = torch.stack([objective(x[i : i + 1], LABELS[i : i + 1]) for i in range(5)])

    torch.testing.assert_close(objective(x, LABELS), each.mean())


@EVERY_LOSS
def test_a_loss_and_its_classifier_compute_in_float32_under_autocast(kind, name):
    objective, x = Objective(kind, name), embeddings().detach().bfloat16()
    undisturbed = copy.deepcopy(objective)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = objective(x, LABELS)

    assert torch.equal(value, undisturbed(x.float(), LABELS))
    assert same_state(objective, undisturbed)


@EVERY_LOSS
def test_a_loss_is_computed_in_float64_where_it_is_given_that(kind, name):
    objective, x = Objective(kind, name).double(), embeddings(torch.float64)

    value = objective(x, LABELS)

    assert value.dtype == torch.float64
    torch.testing.assert_close(value.float(), Objective(kind, name)(embeddings(), LABELS))


@EVERY_LOSS
def test_a_batch_can_be_overfitted(kind, name):
    objective, body, x = Objective(kind, name), nn.Linear(6, EMBEDDING_DIM), embeddings().detach()
    optimizer = torch.optim.Adam([*body.parameters(), *objective.parameters()], lr=0.1)
    before = copy.deepcopy(objective)(body(x), LABELS).item()

    for _ in range(80):
        optimizer.zero_grad()
        objective(body(x), LABELS).backward()
        optimizer.step()

    assert objective(body(x), LABELS).item() < before / 2
    if kind == "classification":
        assert objective.scores(body(x)).argmax(1).tolist() == LABELS.tolist()


@pytest.mark.parametrize("name", LOSSES["embedding"])
def test_an_embedding_loss_owns_a_centre_for_every_class(name):
    loss = LOSSES["embedding"][name](NUM_CLASSES, EMBEDDING_DIM)

    assert {key: tuple(value.shape) for key, value in loss.state_dict().items()} == {
        "centers": (NUM_CLASSES, EMBEDDING_DIM)
    }

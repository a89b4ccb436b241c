"""What every loss of the table promises to the engine."""

import inspect
import pickle
from typing import Literal, get_args, get_origin

import pytest
import torch

from losses import LOSSES

NUM_CLASSES, EMBEDDING_DIM = 4, 6
LABELS = torch.tensor([0, 3, 3, 1, 2])
SIZES = {"classification": NUM_CLASSES, "embedding": EMBEDDING_DIM}
CASES = [(kind, name) for kind, table in LOSSES.items() for name in table]


def build(kind, name, **options):
    torch.manual_seed(0)
    sizes = (NUM_CLASSES, EMBEDDING_DIM) if kind == "embedding" else ()
    return LOSSES[kind][name](*sizes, **options)


def inputs(kind):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(5, SIZES[kind], generator=generator).requires_grad_()


def literal_options():
    for kind, name in CASES:
        for option in inspect.signature(LOSSES[kind][name], eval_str=True).parameters.values():
            if get_origin(option.annotation) is Literal:
                for value in get_args(option.annotation):
                    yield kind, name, option.name, value


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_loss_is_a_finite_scalar_with_gradients(kind, name):
    loss, x = build(kind, name), inputs(kind)

    value = loss(x, LABELS)
    value.backward()

    assert value.shape == ()
    assert value.dtype == torch.float32
    assert all(g.grad.isfinite().all() and g.grad.any() for g in (x, *loss.parameters()))


@pytest.mark.parametrize("name", LOSSES["classification"])
def test_a_classification_loss_is_the_mean_over_the_batch(name):
    loss, x = build("classification", name), inputs("classification")

    each = torch.stack([loss(x[i : i + 1], LABELS[i : i + 1]) for i in range(5)])

    torch.testing.assert_close(loss(x, LABELS), each.mean())


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_loss_is_computed_in_float32_under_autocast(kind, name):
    loss, x = build(kind, name), inputs(kind).detach().bfloat16()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(x, LABELS)

    assert torch.equal(value, loss(x.float(), LABELS))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_loss_survives_pickling_and_its_state_dict(kind, name):
    loss, x = build(kind, name), inputs(kind)
    fresh = LOSSES[kind][name](*((NUM_CLASSES, EMBEDDING_DIM) if kind == "embedding" else ()))

    fresh.load_state_dict(loss.state_dict())

    assert torch.equal(fresh(x, LABELS), loss(x, LABELS))
    assert torch.equal(pickle.loads(pickle.dumps(loss))(x, LABELS), loss(x, LABELS))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_loss_is_one_graph_for_the_compiler(kind, name):
    torch._dynamo.reset()
    loss, x = build(kind, name), inputs(kind)

    compiled = torch.compile(loss, backend="eager", fullgraph=True)

    torch.testing.assert_close(compiled(x, LABELS), loss(x, LABELS))


@pytest.mark.parametrize(("kind", "name", "option", "value"), list(literal_options()))
def test_every_value_of_every_choice_gives_gradients(kind, name, option, value):
    x = inputs(kind)

    build(kind, name, **{option: value})(x, LABELS).backward()

    assert x.grad.isfinite().all()
    assert x.grad.any()


@pytest.mark.parametrize("name", LOSSES["embedding"])
def test_an_embedding_loss_owns_a_centre_for_every_class(name):
    loss = build("embedding", name)

    assert [key for key, _ in loss.named_parameters()] == ["centers"]
    assert loss.centers.shape == (NUM_CLASSES, EMBEDDING_DIM)

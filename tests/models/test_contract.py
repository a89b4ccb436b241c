"""What every model of the table promises to the engine."""

import copy
import inspect
import pickle
from typing import Literal, get_args, get_origin

import pytest
import torch

from models import MODELS
from models.interface import InputShape

SHAPE = InputShape(
    num_classes=5,
    num_channels=3,
    num_frames=8,
    num_joints=6,
    num_persons=2,
    edges=((1, 0), (2, 1), (3, 1), (4, 0), (5, 4)),
    centre=0,
)
WIDTH = 8


def literal_options():
    for name, builder in MODELS.items():
        for option in inspect.signature(builder, eval_str=True).parameters.values():
            if get_origin(option.annotation) is Literal:
                yield from ((name, option.name, value) for value in get_args(option.annotation))


def build(name, seed=0, **options):
    torch.manual_seed(seed)
    return MODELS[name](SHAPE, width=WIDTH, **options)


def batch(n=3, t=8):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 3, t, 6, 2, generator=generator)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_returns_logits_scores_and_an_embedding(name):
    model = build(name)

    out = model(batch())

    assert out.scores.shape == (3, 5)
    assert all(logits.shape == (3, 5) for logits in out.heads.values())
    assert out.embedding.shape == (3, model.embedding_dim)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_of_a_model_gets_a_finite_gradient(name):
    model = build(name)

    model(batch()).scores.square().sum().backward()

    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("frames", [1, 5, 13])
def test_a_model_takes_clips_of_any_length(name, frames):
    assert build(name).eval()(batch(t=frames)).scores.isfinite().all()


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_builds_and_trains_the_same_model(name):
    first, second = build(name), build(name)

    for model in (first, second):
        model(batch()).scores.logsumexp(1).sum().backward()

    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(a, b) and torch.equal(a.grad, b.grad) for a, b in pairs)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_survives_pickling_and_copying(name):
    model = build(name).eval()

    expected = model(batch()).scores

    assert torch.equal(pickle.loads(pickle.dumps(model))(batch()).scores, expected)
    assert torch.equal(copy.deepcopy(model)(batch()).scores, expected)


@pytest.mark.parametrize("name", MODELS)
def test_a_state_dict_carries_the_whole_model(name):
    trained, fresh = build(name), build(name, seed=1).eval()
    trained(batch())

    fresh.load_state_dict(trained.state_dict())

    assert torch.equal(fresh(batch()).scores, trained.eval()(batch()).scores)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_trains_under_bf16_autocast(name):
    model = build(name)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(batch())
    out.scores.float().square().sum().backward()

    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    torch.testing.assert_close(out.scores.float(), build(name)(batch()).scores, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_one_graph_for_the_compiler(name):
    torch._dynamo.reset()
    model = build(name).eval()

    compiled = torch.compile(model, backend="eager", fullgraph=True)

    torch.testing.assert_close(compiled(batch()).scores, model(batch()).scores)


@pytest.mark.parametrize("name", MODELS)
def test_the_samples_of_a_batch_do_not_see_each_other_in_evaluation(name):
    model = build(name).double().eval()
    x = batch().double()

    torch.testing.assert_close(model(x[1:2]).scores, model(x).scores[1:2])


@pytest.mark.parametrize(("name", "option", "value"), list(literal_options()))
def test_every_value_of_every_choice_trains(name, option, value):
    model = build(name, **{option: value})

    out = model(batch())
    out.scores.square().sum().backward()

    assert out.embedding.shape == (3, model.embedding_dim)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"width": 6}, "width must be a positive multiple of 4"),
        ({"width": 0}, "width must be a positive multiple of 4"),
        ({"width": 8, "dilations": (1, 2, 3)}, "width must be a positive multiple of 5"),
        ({"temporal_kernels": ()}, "temporal kernels must be odd"),
        ({"temporal_kernels": (4,)}, r"temporal kernels must be odd .* got \(4,\)"),
        ({"dilations": (0,)}, "dilations must be positive"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
    ],
)
def test_a_senseless_option_is_refused_with_its_value(name, options, rule):
    with pytest.raises(ValueError, match=rule):
        MODELS[name](SHAPE, **options)

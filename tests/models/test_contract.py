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
SMALL = {
    "agcn": {"width": 8},
    "ctrgcn": {"width": 8},
    "dualhead": {
        "width": 4,
        "fine_width": 2,
        "gcn_scales": 2,
        "g3d_scales": 2,
        "windows": (3,),
        "dilations": (1, 2),
    },
    "mdrgcn": {"width": 8},
    "msg3d": {
        "width": 4,
        "gcn_scales": 2,
        "g3d_scales": 2,
        "windows": (3,),
        "dilations": (1, 2),
    },
    "slnl": {
        "channels": (4, 8),
        "new_joints": 4,
        "coordinate_systems": 2,
        "num_slnl_blocks": 1,
        "dropout": 0.0,
    },
    "stgcn": {"width": 8, "dropout": 0.0},
}
TIED_TO_THEIR_LENGTH = {"slnl"}
PRESENT = torch.tensor([[True, False], [True, True], [True, False]])


def options_of(kind):
    """(model, option, value) for every value that the options of a kind can take."""
    for name, builder in MODELS.items():
        for option in inspect.signature(builder, eval_str=True).parameters.values():
            if kind is Literal and get_origin(option.annotation) is Literal:
                yield from ((name, option.name, value) for value in get_args(option.annotation))
            if kind is bool and option.annotation is bool:
                yield name, option.name, not option.default


OTHER_SIZES = {
    "agcn": {"width": 12, "temporal_kernel": 5, "dropout": 0.5},
    "ctrgcn": {
        "width": 12,
        "rel_reduction": 2,
        "temporal_kernels": (3, 3),
        "dilations": (1, 3),
        "dropout": 0.5,
    },
    "dualhead": {
        "width": 8,
        "gcn_scales": 3,
        "g3d_scales": 3,
        "fine_width": 4,
        "windows": (3, 5),
        "coarse_windows": (5,),
        "dilations": (1, 3),
        "coarse_dilations": (1, 3),
        "subsampling_rate": 4,
        "coarse_share": 0.3,
        "fine_loss_weight": 1.0,
        "coarse_loss_weight": 0.0,
    },
    "mdrgcn": {
        "width": 16,
        "cvsta_ratio": 4,
        "c_mid_channels": 4,
        "temporal_kernels": (3,),
        "dilations": (1, 3),
        "joint_attention_reduction": 2,
        "dropout": 0.5,
    },
    "msg3d": {
        "width": 8,
        "gcn_scales": 3,
        "g3d_scales": 3,
        "windows": (3, 5),
        "dilations": (1, 3),
        "dropout": 0.5,
    },
    "slnl": {
        "coordinate_systems": 3,
        "new_joints": 6,
        "frequency_ratio": 2,
        "channels": (4, 6),
        "kernels": (3, 5),
        "pool_every": 1,
        "num_slnl_blocks": 2,
        "non_local_parts": ("t",),
        "non_local_ratio": 1.0,
        "dropout": 0.5,
        "head_hidden": 3,
    },
    "stgcn": {"width": 12, "temporal_kernel": 5, "cvsta_ratio": 4, "dropout": 0.5},
}


def options_of_size():
    """(model, option) for every option that is a number or several things."""
    for name, builder in MODELS.items():
        for option in inspect.signature(builder, eval_str=True).parameters.values():
            is_size = option.annotation in (int, float) or get_origin(option.annotation) is tuple
            if option.kind is option.KEYWORD_ONLY and is_size:
                yield name, option.name


def build(name, seed=0, shape=SHAPE, **options):
    torch.manual_seed(seed)
    return MODELS[name](shape, **(SMALL[name] | options))


def batch(n=3, t=8):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 3, t, 6, 2, generator=generator)


def absent_ones_zero(x, present=PRESENT):
    return x * present[:, None, None, None, :]


def seen_of(model, output):
    """What an option may change: names and shapes of the weights, what heads count, the scores."""
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    return shapes, model.head_weights, output.scores.tolist()


def gradients(model):
    return {key: p.grad for key, p in model.named_parameters()}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_returns_logits_scores_and_an_embedding(name):
    model = build(name)

    out = model(batch())

    assert out.scores.shape == (3, 5)
    assert out.heads.keys() == model.classifiers.keys() == model.head_weights.keys()
    assert all(logits.shape == (3, 5) for logits in out.heads.values())
    assert out.embedding.shape == (3, model.embedding_dim)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_of_a_model_gets_a_finite_gradient(name):
    model = build(name)

    out = model(batch())
    torch.stack([head.square().sum() for head in out.heads.values()]).sum().backward()

    assert all(grad is not None and grad.isfinite().all() for grad in gradients(model).values())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("frames", [1, 5, 13])
def test_a_model_takes_clips_of_any_length_or_says_that_it_does_not(name, frames):
    model = build(name).eval()

    if name in TIED_TO_THEIR_LENGTH:
        with pytest.raises(ValueError, match=rf"8 frames.*got {frames}"):
            model(batch(t=frames))
    else:
        assert model(batch(t=frames)).scores.isfinite().all()


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_builds_and_trains_the_same_model(name):
    first, second = build(name), build(name)

    for model in (first, second):
        torch.manual_seed(7)
        model(batch()).scores.logsumexp(1).sum().backward()

    for (key, a), (_, b) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert torch.equal(a, b), key
        assert a.grad is b.grad is None or torch.equal(a.grad, b.grad), key


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


@pytest.mark.parametrize("present", [None, PRESENT], ids=["all present", "some absent"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_trains_under_bf16_autocast(name, present):
    model = build(name)
    x = batch() if present is None else absent_ones_zero(batch())

    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(x, present)
    torch.stack([head.float().square().sum() for head in out.heads.values()]).sum().backward()

    assert all(grad.isfinite().all() for grad in gradients(model).values())
    expected = build(name)(x, present).scores
    largest = expected.abs().max().item()
    torch.testing.assert_close(out.scores.float(), expected, atol=0.03 * largest, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_and_its_gradient_are_one_graph_for_the_compiler(name):
    torch._dynamo.reset()
    model = build(name).double()
    traced = copy.deepcopy(model)
    x = absent_ones_zero(batch()).double()

    out = model(x, PRESENT)
    compiled = torch.compile(traced, backend="aot_eager", fullgraph=True)(x, PRESENT)
    for output in (out, compiled):
        torch.stack([head.square().sum() for head in output.heads.values()]).sum().backward()

    torch.testing.assert_close(compiled.scores, out.scores)
    expected = gradients(model)
    for key, grad in gradients(traced).items():
        torch.testing.assert_close(grad, expected[key], atol=1e-8, rtol=1e-6, msg=key)


@pytest.mark.parametrize("name", MODELS)
def test_the_samples_of_a_batch_do_not_see_each_other_in_evaluation(name):
    model = build(name).double().eval()
    x = batch().double()

    torch.testing.assert_close(model(x[1:2]).scores, model(x).scores[1:2])


@pytest.mark.parametrize("name", MODELS)
def test_a_model_takes_one_person_and_other_channels(name):
    shape = InputShape(5, 2, 8, 4, 1, ((1, 0), (2, 0), (3, 0)), 0)
    model = build(name, shape=shape)

    assert model(torch.randn(2, 2, 8, 4, 1)).scores.shape == (2, 5)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_one_batch_by_heart(name):
    model = build(name)
    x, labels = batch(n=4), torch.tensor([0, 1, 2, 3])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    for _ in range(40):
        heads = model(x).heads.values()
        loss = torch.stack([torch.nn.functional.cross_entropy(z, labels) for z in heads]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert model(x).scores.argmax(1).tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("name", "option", "value"), [*options_of(Literal), *options_of(bool)], ids=str
)
def test_every_value_of_every_switch_trains(name, option, value):
    model = build(name, **ALLOWING.get((name, option, value), {}), **{option: value})

    out = model(absent_ones_zero(batch()), PRESENT)
    torch.stack([head.square().sum() for head in out.heads.values()]).sum().backward()

    assert out.scores.isfinite().all()
    assert out.embedding.shape == (3, model.embedding_dim)
    assert all(g is None or g.isfinite().all() for g in gradients(model).values())


ALLOWING = {
    ("mdrgcn", "c_mid_channels", 4): {"c_mid": "const"},
    ("mdrgcn", "joint_attention_reduction", 2): {"joint_attention": True},
    ("stgcn", "cvsta_ratio", 4): {"cvsta": True},
    ("dualhead", "embed_when_equal", False): {"fine_width": 6},
    ("mdrgcn", "graph_conv", "sa_gc"): {"cvsta": False},
    ("mdrgcn", "graph_conv", "learnable"): {"cvsta": False},
}


@pytest.mark.parametrize(("name", "option"), list(options_of_size()), ids=str)
def test_every_option_that_is_a_size_has_an_effect(name, option):
    value = OTHER_SIZES[name][option]
    allowing = ALLOWING.get((name, option, value), {})
    model, usual = build(name, **allowing, **{option: value}), build(name, **allowing)

    out = model(batch())
    torch.stack([head.square().sum() for head in out.heads.values()]).sum().backward()

    assert all(grad.isfinite().all() for grad in gradients(model).values())
    assert seen_of(model, out) != seen_of(usual, usual(batch()))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("sizes", [(2, 6), (3, 5)], ids=["channels", "joints"])
def test_clips_of_other_channels_or_joints_are_refused(name, sizes):
    channels, joints = sizes
    with pytest.raises(ValueError, match=rf"clips must have .*got \({channels}, {joints}"):
        build(name)(batch()[:, :channels, :, :joints])


@pytest.mark.parametrize("name", ["ctrgcn", "mdrgcn"])
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

"""Checkpoints in the published layouts become models of ours that compute the same."""

import hashlib
import math
from collections import Counter

import pytest
import torch

from models import MODELS
from models.graphs import digraph
from models.interface import ModelOutput
from models.published import LAYOUTS, load_published
from tests.benchmarks.straightforward_ctrgcn import GraphUnit, StraightforwardCTRGCN
from tests.benchmarks.straightforward_g3d import StraightforwardDualHead, StraightforwardMSG3D
from tests.benchmarks.straightforward_stgcn import StraightforwardSTGCN
from tests.models.golden import TOLERANCE, fill_golden, golden_input, input_shape
from tests.models.test_golden import NETWORKS
from tests.models.test_stgcn import LOGITS as STGCN_LOGITS

PUBLISHED_KEYS = {  # how many, sha256 of the sorted lines "key shape" of NTU RGB+D 60
    "stgcn": (172, "e15675fb710caed33e1148e0c727a55dab1e783c83f494682670ff81ce39172c"),
    "ctrgcn": (822, "be41c5836a5b05166084af46363a15306e0d7527f192dc6e043f08f119cc66d8"),
    "mdrgcn": (1412, "1928d493c688761c36b35e617afd9aff6616fe556f88f88c7b42488d7be47bd5"),
    "msg3d": (810, "fb9cbc79af256ac44017935aad39c7661601e6b1f2d25047c518d7e520fe9630"),
    "dualhead": (1164, "9ce90a4f8be275ad022279d71b97b60d747a02cf1e4f273f65b495ceabdcf17e"),
}
G3D = {"msg3d": StraightforwardMSG3D, "dualhead": StraightforwardDualHead}
MDRGCN = {"attention": True, "pair": "add", "kernels": (3, 5)}
SMALL = {
    "stgcn": {"width": 4},
    "ctrgcn": {"width": 8},
    "mdrgcn": {"width": 8},
    "msg3d": {"width": 12, "gcn_scales": 4, "g3d_scales": 3},
    "dualhead": {"width": 12, "fine_width": 6, "gcn_scales": 4, "g3d_scales": 3},
}
AFTER_A_STEP = {  # frames; of each head sum, sum of magnitudes, the first two, the last two logits
    "msg3d": (
        16,
        (9.729184018, 543.689880173, 6.948470065, -6.001042251, -7.070253020, 4.998823005),
    ),
    "dualhead": (
        21,
        (36.524237448, 1271.881715132, 16.646448924, -5.846206592, 2.130555022, 14.555610190),
        (30.700406344, 1913.763369731, 13.137929770, -23.594164778, -17.821701555, 24.711652586),
    ),
}


def reference(name, skeleton="ntu25", num_classes=60, num_persons=2, **sizes):
    """The published network in its own layout."""
    shape = input_shape(skeleton, num_classes=num_classes, num_persons=num_persons)
    adjacency = digraph(shape.edges, shape.num_joints)
    if name == "stgcn":
        return StraightforwardSTGCN(num_classes, adjacency, **sizes)
    if name in G3D:
        return G3D[name](shape, **sizes)
    options = MDRGCN if name == "mdrgcn" else {}
    return StraightforwardCTRGCN(num_classes, num_persons, adjacency, **(options | sizes))


def filled(module, dtype=torch.float64):
    """No two tensors alike; variances and scales positive; counters at seven."""
    module.to(dtype).eval()
    for number, (key, tensor) in enumerate(module.state_dict().items()):
        if not tensor.is_floating_point():
            tensor.fill_(7)
            continue
        wave = torch.sin(1.3 * torch.arange(tensor.numel(), dtype=dtype) + 0.7 * number)
        if tensor.dim() > 1:
            tensor.copy_(wave.view_as(tensor) / tensor[0].numel() ** 0.5)
        else:
            tensor.copy_(1 + 0.3 * wave if key.endswith(("weight", "var")) else 0.1 * wave)
    return module


@torch.no_grad()
def fill_sines(module):
    """The fill of the golden values of MS-G3D and DualHead-Net."""
    for part in module.double().modules():
        is_norm = isinstance(part, torch.nn.modules.batchnorm._BatchNorm)
        for name, parameter in part.named_parameters(recurse=False):
            size = parameter.numel()
            wave = torch.sin(1 + 0.37 * torch.arange(size, dtype=torch.float64) + 0.01 * size)
            scale = 0.2 if is_norm else 0.01 if name == "A_res" else 0.1
            parameter.copy_(scale * wave.view_as(parameter) + (is_norm and name == "weight"))
    return module


def sines(*shape):
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    return (torch.sin(0.13 * i) + 0.5 * torch.cos(0.0071 * i * i)).view(shape)


def published(name, dtype=torch.float64, **sizes):
    return filled(reference(name, **(SMALL[name] | sizes)), dtype).state_dict()


def clips(num_joints=25, num_persons=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 12, num_joints, num_persons, generator=generator, dtype=dtype)


def in_published_layout(name, model):
    return {slot.key: slot.target.reshape(slot.shape) for slot in LAYOUTS[name].slots(model)}


def counters(model):
    return {int(value) for key, value in model.state_dict().items() if key.endswith("tracked")}


def logits(out):
    """Of all heads, (H, N, K)."""
    heads = out.heads.values() if isinstance(out, ModelOutput) else out
    return torch.stack(tuple(heads)) if isinstance(out, tuple) else out[None]


def outputs_of_both(name, dtype, **sizes):
    theirs = filled(reference(name, **(SMALL[name] | sizes)), dtype)
    x = clips(dtype=dtype)
    with torch.no_grad():
        return logits(load_published(name, theirs.state_dict())(x)), logits(theirs(x))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_reference_has_the_published_keys_and_shapes(name):
    state = reference(name).state_dict()

    lines = sorted(f"{key} {tuple(tensor.shape)}\n" for key, tensor in state.items())

    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert (len(lines), digest) == PUBLISHED_KEYS[name]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_loaded_model_computes_what_the_published_one_does(name):
    ours, theirs = outputs_of_both(name, torch.float64)

    assert theirs.std(-1).min() > 1e-3
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_model_loaded_in_single_precision_computes_the_same(name):
    ours, theirs = outputs_of_both(name, torch.float32)

    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, atol=1e-4 * theirs.abs().max().item(), rtol=0)


@pytest.mark.parametrize(
    ("name", "expected", "sizes", "options"),
    [
        ("stgcn", STGCN_LOGITS, {}, {}),
        ("ctrgcn", NETWORKS["ctrgcn"][-1], {}, {}),
        ("ctrgcn", NETWORKS["ctrgcn with cvsta"][-1], {"attention": True}, {"cvsta": True}),
        ("mdrgcn", NETWORKS["mdrgcn"][-1], {}, {}),
    ],
    ids=["stgcn", "ctrgcn", "ctrgcn with cvsta", "mdrgcn"],
)
def test_published_weights_give_the_golden_logits(name, expected, sizes, options):
    theirs = fill_golden(reference(name, num_classes=6, **sizes))
    for part in theirs.modules():
        if isinstance(part, GraphUnit):
            torch.nn.init.constant_(part.alpha, 0.5)

    with torch.no_grad():
        ours = load_published(name, theirs.state_dict(), **options)(golden_input(2, 3, 16, 25, 2))

    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(ours.scores, expected, **TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("name", G3D)
def test_published_weights_after_a_step_give_the_golden_logits(name):
    num_frames, *expected = AFTER_A_STEP[name]
    theirs = fill_sines(reference(name)).train()
    x = sines(2, 3, num_frames, 25, 2)
    theirs(x)

    heads = logits(load_published(name, theirs.state_dict())(x))

    told = [[z.sum(), z.abs().sum(), *z[0, :2], *z[-1, -2:]] for z in heads]
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(torch.tensor(told), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("name", "unusual"),
    [
        ("stgcn", {"width": 4, "num_layers": 9, "temporal_kernel": 5}),
        ("ctrgcn", {"width": 8, "rel_reduction": 2, "temporal_kernels": (3,)}),
        ("mdrgcn", {"width": 8, "cvsta_ratio": 4, "temporal_kernels": (3, 5, 7)}),
        ("msg3d", {"width": 12, "gcn_scales": 3, "g3d_scales": 2, "windows": (3, 7)}),
        ("dualhead", {"width": 12, "fine_width": 9, "coarse_windows": (5, 3)}),
    ],
)
def test_the_options_of_a_checkpoint_are_read_off(name, unusual):
    shape = input_shape("coco17", num_classes=5, num_channels=2, num_persons=2)
    state = in_published_layout(name, filled(MODELS[name](shape, **unusual)))

    loaded = in_published_layout(name, load_published(name, state))

    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_published_tensor_has_one_place(name):
    model = MODELS[name](input_shape(), **SMALL[name])

    keys = [slot.key for slot in LAYOUTS[name].slots(model)]

    assert {key for key, count in Counter(keys).items() if count > 1} <= {"A"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_wrong_key_is_named_with_both_shapes(name):
    state = published(name)
    lost, bent = list(state)[6:8]
    was, lost_shape = state[bent].shape, state.pop(lost).shape
    state |= {bent: torch.zeros(3, 2), "surplus.weight": torch.zeros(4)}

    with pytest.raises(ValueError, match="1 of another shape, 1 extra, 1 missing") as raised:
        load_published(name, state)

    message = str(raised.value)
    assert f"{lost}: expected {tuple(lost_shape)}, missing" in message
    assert f"{bent}: expected {tuple(was)}, got (3, 2)" in message
    assert "surplus.weight: not expected, got (4,)" in message


def test_ten_wrong_keys_are_listed_and_the_others_counted():
    state = {f"surplus{number}": torch.zeros(1) for number in range(13)}

    with pytest.raises(ValueError, match="13 extra") as raised:
        load_published("ctrgcn", published("ctrgcn") | state)

    assert "surplus9" in str(raised.value)
    assert "surplus10" not in str(raised.value)
    assert "and 3 more" in str(raised.value)


def test_a_checkpoint_of_another_model_is_refused():
    with pytest.raises(ValueError, match="0 of another shape, 590 extra, 0 missing"):
        load_published("ctrgcn", published("mdrgcn"))


def test_an_empty_checkpoint_misses_every_key():
    with pytest.raises(ValueError, match="0 extra, 736 missing"):
        load_published("ctrgcn", {})


def test_a_name_without_a_layout_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=rf"one of {', '.join(LAYOUTS)}, got 'resnet'"):
        load_published("resnet", {})


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"options of ctrgcn are width, .*, got depth"):
        load_published("ctrgcn", published("ctrgcn"), depth=3)


@pytest.mark.parametrize(
    ("name", "option", "parameter"),
    [
        ("mdrgcn", {"share_spatial": False}, "conv.joint_vectors.weight"),
        ("mdrgcn", {"graph_conv": "learnable", "cvsta": False}, "conv.features.weight"),
        ("mdrgcn", {"joint_attention": True}, "temporal.1.frame_gate.weight"),
        ("stgcn", {"cvsta": True}, "attention.head.weight"),
    ],
)
def test_an_option_with_parameters_that_nobody_published_is_refused(name, option, parameter):
    with pytest.raises(ValueError, match="no parameters but the published ones") as raised:
        load_published(name, published(name), **option)

    assert parameter in str(raised.value)


def test_the_prefix_of_parallel_training_is_dropped():
    state = {f"module.{key}": tensor for key, tensor in published("ctrgcn").items()}

    model = load_published("ctrgcn", state)

    assert torch.equal(model.classifiers["main"].weight, state["module.fc.weight"])


@pytest.mark.parametrize("name", ["mdrgcn", "dualhead"])
def test_counters_of_batches_are_kept_and_zero_where_a_checkpoint_has_none(name):
    state = published(name)
    bare = {key: tensor for key, tensor in state.items() if not key.endswith("tracked")}

    with_counters, without = load_published(name, state), load_published(name, bare)

    assert counters(with_counters) == {7}
    assert counters(without) == {0}


@pytest.mark.parametrize("name", LAYOUTS)
def test_kinetics_sizes_are_read_off(name):
    theirs = reference(name, "openpose18", num_classes=400, num_persons=1, **SMALL[name])

    model = load_published(name, theirs.state_dict())

    x = clips(num_joints=18, num_persons=1, dtype=torch.float32)
    assert model(x).scores.shape == (2, 400)


def test_joints_without_a_known_skeleton_need_edges_and_a_centre():
    chain = [[joint + 1, joint] for joint in range(19)]
    state = StraightforwardCTRGCN(10, 1, digraph(chain, 20), width=8).state_dict()

    model = load_published("ctrgcn", state, edges=chain, centre=0)

    assert model(clips(20, 1, torch.float32)).scores.shape == (2, 10)
    with pytest.raises(ValueError, match=r"edges and centre must both be given.*20 joints"):
        load_published("ctrgcn", state, edges=chain)


def test_a_skeleton_of_other_joints_is_refused():
    with pytest.raises(ValueError, match="skeleton must have 25 joints, got 'coco17' with 17"):
        load_published("ctrgcn", published("ctrgcn"), skeleton="coco17")


def test_what_cannot_be_read_off_is_told():
    theirs = filled(reference("ctrgcn", num_persons=1, width=8, pair="add"))

    ours = load_published("mdrgcn", theirs.state_dict(), cvsta=False)

    x = clips(num_persons=1)
    torch.testing.assert_close(ours(x).scores, theirs(x), atol=1e-10, rtol=1e-10)


def test_what_is_given_overrides_what_is_read():
    with pytest.raises(ValueError, match=r"fc.weight: expected \(61, 32\), got \(60, 32\)"):
        load_published("ctrgcn", published("ctrgcn"), num_classes=61)


def test_a_loaded_model_may_be_trained_on_and_leaves_the_checkpoint_alone():
    state = published("ctrgcn", torch.float32)
    before = {key: tensor.clone() for key, tensor in state.items()}
    model = load_published("ctrgcn", state).train()

    model(clips(dtype=torch.float32)).scores.square().sum().backward()
    for parameter in model.parameters():
        parameter.data -= parameter.grad

    assert all(torch.equal(state[key], before[key]) for key in state)

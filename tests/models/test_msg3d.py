"""MS-G3D against golden values, its straightforward form and the published sizes."""

import copy

import pytest
import torch
from torch import nn

from models import MODELS
from models.channels_last import MapNorm
from models.g3d import WindowGraphConv
from models.multiscale import MultiScaleGraphConv, ScaleAdjacency, scale_stack
from models.multiscale_temporal import MultiScaleTemporal
from models.persons import counted
from models.skeletons import SKELETONS
from tests.benchmarks import straightforward_g3d as direct
from tests.models.g3d_equality import assert_trains_alike, shake
from tests.models.g3d_golden import (
    CASES,
    GOLDEN,
    assert_golden,
    fill_golden,
    golden_input,
    input_shape,
)
from tests.models.g3d_weights import graph_conv, msg3d_weights, temporal, window_conv

SKELETON_NAMES = {"ntu": "ntu25", "kinetics": "openpose18"}
COUNTS = [
    ("ntu25", 60, {}, 3_194_595),
    ("ntu25", 60, {"gcn_scales": 9}, 3_001_623),
    ("ntu25", 60, {"windows": (3,)}, 2_125_089),
    ("ntu25", 60, {"windows": ()}, 1_438_335),
    ("ntu25", 60, {"learnable_mask": False}, 2_787_720),
    ("ntu25", 120, {}, 3_217_695),
    ("openpose18", 400, {"gcn_scales": 8, "g3d_scales": 8}, 3_144_328),
]


def adjacency(skeleton, num_scales, window=1):
    named = SKELETONS[skeleton]
    stack = scale_stack(named.edges, named.num_joints, num_scales, window=window)
    return ScaleAdjacency(stack, learnable=True)


def direct_parts():
    """(ours, weights of ours from those of the straightforward part, straightforward part)."""
    graphs = {name: SKELETONS[name] for name in SKELETON_NAMES.values()}
    near = {k: direct.neighbours(s.edges, s.num_joints) for k, s in graphs.items()}
    ntu, kinetics = near["ntu25"], near["openpose18"]
    first = {"window": 3, "stride": 1}
    return {
        "ms_gcn": (
            MultiScaleGraphConv(adjacency("ntu25", 4), 3, 8),
            graph_conv,
            direct.GraphConv(direct.hop_stack(ntu, 4), 3, 8),
        ),
        "ms_tcn_s2": (
            MultiScaleTemporal(12, 24, (1, 2, 3, 4), stride=2),
            temporal,
            direct.MultiScaleTemporal(12, 24, 2, (1, 2, 3, 4)),
        ),
        "ms_tcn_coarse": (
            MultiScaleTemporal(8, 8, (1, 2)),
            temporal,
            direct.MultiScaleTemporal(8, 8, 1, (1, 2)),
        ),
        "ms_g3d_first": (
            WindowGraphConv(adjacency("ntu25", 2, 3), 3, 8, 8, **first),
            window_conv,
            direct.WindowGraphConv(ntu, 3, 8, 2, is_first=True, **first),
        ),
        "ms_g3d_tau5_s2": (
            WindowGraphConv(adjacency("ntu25", 3, 5), 4, 4, 6, window=5, stride=2),
            window_conv,
            direct.WindowGraphConv(ntu, 4, 6, 3, window=5, stride=2, is_first=False),
        ),
        "ms_g3d_kin": (
            WindowGraphConv(adjacency("openpose18", 3, 3), 4, 4, 6, window=3, stride=2),
            window_conv,
            direct.WindowGraphConv(kinetics, 4, 6, 3, window=3, stride=2, is_first=False),
        ),
    }


@pytest.mark.parametrize("skeleton", SKELETON_NAMES)
@pytest.mark.parametrize("window", [1, 3, 5])
def test_every_scale_has_the_golden_pairs_and_sum(skeleton, window):
    golden = GOLDEN["adjacency"][skeleton]
    prefix = f"g3d_tau{window}_" if window > 1 else ""
    sums = torch.tensor(golden[f"{prefix}normalised_sum"])
    pairs = golden[f"{prefix}pairs_incl_self" if prefix else "hop_pairs_incl_self"]

    stack = adjacency(SKELETON_NAMES[skeleton], len(sums), window).stack

    assert (stack > 0).sum((1, 2)).tolist() == pairs
    torch.testing.assert_close(stack.sum((1, 2)), sums, atol=0, rtol=1e-5)


def test_powers_are_those_of_the_normalised_neighbourhood():
    path = ((1, 0), (2, 1))

    stack = scale_stack(path, 3, 3, aggregation="powers")

    once = torch.tensor([[3, 6**0.5, 0], [6**0.5, 2, 6**0.5], [0, 6**0.5, 3]]) / 6
    torch.testing.assert_close(stack, torch.stack((torch.eye(3), once, once @ once)))


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("ms_")])
@pytest.mark.parametrize("side", ["ours", "straightforward"])
def test_a_part_has_the_golden_values(name, side):
    ours, weights, straightforward = direct_parts()[name]
    part = fill_golden(straightforward)
    if side == "ours":
        ours.load_state_dict(weights(part.state_dict()))
        part = ours.double()
    x = golden_input(CASES[name]["input_shape"])

    with torch.no_grad():
        trained, evaluated = part(x), part.eval()(x)

    assert_golden(trained, CASES[name]["train"][0])
    assert_golden(evaluated, CASES[name]["eval"][0])


@pytest.mark.parametrize("side", ["ours", "straightforward"])
def test_the_network_has_the_golden_logits(side):
    network = fill_golden(direct.StraightforwardMSG3D(input_shape()))
    if side == "ours":
        weights = msg3d_weights(network.state_dict())
        network = MODELS["msg3d"](input_shape()).double()
        network.load_state_dict(weights)
    x = golden_input(CASES["msg3d_ntu60"]["input_shape"])

    with torch.no_grad():
        outputs = [network(x), network.eval()(x)]

    logits = [y if side == "straightforward" else y.scores for y in outputs]
    assert_golden(logits[0], CASES["msg3d_ntu60"]["train"][0])
    assert_golden(logits[1], CASES["msg3d_ntu60"]["eval"][0])


@pytest.mark.parametrize("frames", range(16, 22))
def test_a_step_is_that_of_the_straightforward_network(frames):
    torch.manual_seed(frames)
    options = {"width": 12, "gcn_scales": 13 if frames == 21 else 3}
    straightforward = shake(direct.StraightforwardMSG3D(input_shape(), **options))
    ours = MODELS["msg3d"](input_shape(), **options).double()

    x = torch.randn(2, 3, frames, 25, 2, dtype=torch.float64)

    assert_trains_alike(ours, straightforward, msg3d_weights, x)


def test_keeping_what_is_recomputed_changes_nothing():
    gradients = []
    for recompute in (True, False):
        torch.manual_seed(0)
        model = MODELS["msg3d"](input_shape(), width=6, recompute=recompute)
        model(torch.randn(2, 3, 9, 25, 2)).scores.logsumexp(1).sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])

    torch.testing.assert_close(*gradients)


def test_a_counted_norm_is_the_norm_of_repeated_rows():
    torch.manual_seed(0)
    norm = shake(MapNorm(4))
    repeated, places = copy.deepcopy(norm), torch.tensor([0, 1, 1, 1, 2])
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64, requires_grad=True)

    with counted(norm, torch.tensor([1, 3, 1])):
        y = norm(x)[places]
    expected = repeated(x[places])

    direction = torch.randn_like(y)
    inputs = [(x, *module.parameters()) for module in (norm, repeated)]
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(
        torch.autograd.grad(y, inputs[0], direction),
        torch.autograd.grad(expected, inputs[1], direction),
    )
    torch.testing.assert_close(norm.state_dict(), repeated.state_dict())


def test_a_norm_absorbed_by_a_linear_layer_is_that_layer_and_the_norm():
    torch.manual_seed(0)
    linear, norm = shake(nn.Linear(3, 4)), shake(MapNorm(4))
    apart = copy.deepcopy(norm)
    x = torch.randn(5, 6, 7, 3, dtype=torch.float64)

    for _ in ("training", "evaluation"):
        y = nn.functional.linear(x, *norm.absorbed_by(linear, x))
        expected = apart(linear(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

        torch.testing.assert_close(y, expected)
        torch.testing.assert_close(norm.eval().state_dict(), apart.eval().state_dict())


def test_parts_compile_with_their_gradients():
    torch._dynamo.reset()
    torch.manual_seed(0)
    window = WindowGraphConv(adjacency("ntu25", 2, 3), 4, 4, 6, window=3, stride=2)
    part = nn.Sequential(MultiScaleGraphConv(adjacency("ntu25", 2), 3, 4), window)
    x, gradients = torch.randn(2, 3, 5, 25), []

    for module in (part, torch.compile(copy.deepcopy(part), backend="aot_eager", fullgraph=True)):
        module(x).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in module.parameters()]))

    torch.testing.assert_close(*gradients, atol=1e-5 * gradients[0].abs().max().item(), rtol=0)


def test_the_mask_is_added_in_full_precision_under_autocast():
    stack = adjacency("ntu25", 2)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        summed = stack()

    assert summed.dtype == torch.float32
    assert (summed != stack.stack).float().mean() > 0.7
    assert (summed - stack.stack).abs().max() <= 1.1e-6


@pytest.mark.parametrize(("skeleton", "num_classes", "options", "expected"), COUNTS)
def test_a_variant_has_the_published_number_of_parameters(skeleton, num_classes, options, expected):
    with torch.device("meta"):
        model = MODELS["msg3d"](input_shape(skeleton, num_classes), **options)

    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_the_classifier_starts_as_a_linear_layer_does():
    weight = MODELS["msg3d"](input_shape(), width=24).classifiers["main"].weight

    assert 0.9 < weight.abs().max().item() * 96**0.5 <= 1


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"width": 8}, r"width must be a positive multiple of 6.*got 8"),
        ({"width": 0}, "width must be a positive multiple of 6"),
        ({"dilations": (0,)}, r"dilations must be positive, got \(0,\)"),
        ({"windows": (3, 4)}, r"windows must be odd and positive, got \(3, 4\)"),
        ({"gcn_scales": 0}, "number of scales must be at least 1, got 0"),
        ({"g3d_scales": 0}, "number of scales must be at least 1, got 0"),
    ],
)
def test_a_senseless_option_is_refused_with_its_value(options, rule):
    with pytest.raises(ValueError, match=rule):
        MODELS["msg3d"](input_shape(), **options)

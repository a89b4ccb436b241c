"""Parts of MS-G3D against golden values and their straightforward forms."""

import copy

import pytest
import torch
from torch import nn

from models.channels_last import MapNorm
from models.g3d import WindowGraphConv
from models.multiscale import MultiScaleGraphConv, ScaleAdjacency, scale_stack
from models.multiscale_temporal import MultiScaleTemporal
from models.persons import counted
from models.skeletons import SKELETONS
from tests.benchmarks import straightforward_g3d as direct
from tests.models.g3d_equality import shake
from tests.models.g3d_golden import CASES, GOLDEN, assert_golden, fill_golden, golden_input
from tests.models.g3d_weights import graph_conv, temporal, window_conv

SKELETON_NAMES = {"ntu": "ntu25", "kinetics": "openpose18"}


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

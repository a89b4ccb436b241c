"""MS-G3D against golden values, its straightforward form and the published sizes."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models import MODELS
from tests.benchmarks.straightforward_g3d import StraightforwardDualHead, StraightforwardMSG3D
from tests.models.g3d_equality import assert_trains_alike, shake
from tests.models.g3d_golden import CASES, assert_golden, fill_golden, golden_input, input_shape
from tests.models.g3d_weights import msg3d_weights

COUNTS = [
    ("ntu25", 60, {}, 3_194_595),
    ("ntu25", 60, {"gcn_scales": 9}, 3_001_623),
    ("ntu25", 60, {"windows": (3,)}, 2_125_089),
    ("ntu25", 60, {"windows": ()}, 1_438_335),
    ("ntu25", 60, {"learnable_mask": False}, 2_787_720),
    ("ntu25", 120, {}, 3_217_695),
    ("openpose18", 400, {"gcn_scales": 8, "g3d_scales": 8}, 3_144_328),
]


@pytest.mark.parametrize("side", ["ours", "straightforward"])
def test_the_network_has_the_golden_logits(side):
    network = fill_golden(StraightforwardMSG3D(input_shape()))
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
    straightforward = shake(StraightforwardMSG3D(input_shape(), **options))
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


@pytest.mark.parametrize(("skeleton", "num_classes", "options", "expected"), COUNTS)
def test_a_variant_has_the_published_number_of_parameters(skeleton, num_classes, options, expected):
    with torch.device("meta"):
        model = MODELS["msg3d"](input_shape(skeleton, num_classes), **options)

    assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize(
    ("name", "straightforward", "giga_macs"),
    [
        ("msg3d", StraightforwardMSG3D, (6.991, 6.013)),
        ("dualhead", StraightforwardDualHead, (4.031, 3.682)),
    ],
)
def test_mixing_before_aggregating_saves_products(name, straightforward, giga_macs):
    with torch.device("meta"):
        networks = straightforward(input_shape()).eval(), MODELS[name](input_shape()).eval()
    counts = []

    for network in networks:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.empty(1, 3, 64, 25, 2, device="meta"))
        counts.append(counter.get_total_flops() / 2e9)

    assert counts == pytest.approx(giga_macs, abs=6e-4)


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
        ({"gcn_scales": 0}, "g3d_scales must be at least 1, got 0"),
        ({"g3d_scales": 0}, "g3d_scales must be at least 1, got 0"),
    ],
)
def test_a_senseless_option_is_refused_with_its_value(options, rule):
    with pytest.raises(ValueError, match=rule):
        MODELS["msg3d"](input_shape(), **options)

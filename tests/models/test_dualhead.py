"""DualHead-Net against golden values, its straightforward form and the published sizes."""

import copy

import pytest
import torch

from models import MODELS
from models.cross_attention import FrameAttention, JointAttention, aligned
from models.dualhead_network import FusionOptions
from tests.benchmarks.straightforward_g3d import StraightforwardDualHead
from tests.models.g3d_equality import assert_trains_alike, logits, shake
from tests.models.g3d_golden import CASES, assert_golden, fill_golden, golden_input, input_shape
from tests.models.g3d_weights import dualhead_weights

SMALL = {"width": 12, "fine_width": 6, "gcn_scales": 3, "g3d_scales": 3}
TINY = {
    "width": 8,
    "fine_width": 4,
    "gcn_scales": 2,
    "g3d_scales": 2,
    "windows": (3,),
    "dilations": (1, 2),
}
VARIANTS = {  # options of ours, options of the straightforward network
    "ntu60": ({}, {}),
    "rate1": ({"subsampling_rate": 1}, {"rate": 1}),
    "rate4": ({"subsampling_rate": 4}, {"rate": 4}),
    "self_temporal": ({"temporal_attention": "self"}, {"temporal": "self"}),
    "self_spatial": ({"spatial_attention": "self"}, {"spatial": "self"}),
    "no_attention": (
        {"temporal_attention": "none", "spatial_attention": "none"},
        {"temporal": "none", "spatial": "none"},
    ),
}
KINETICS = {"gcn_scales": 8, "g3d_scales": 8}
COUNTS = [
    ({}, 3_015_253),
    ({"temporal_attention": "none", "spatial_attention": "none"}, 2_998_257),
    ({"spatial_attention": "none"}, 3_000_851),
    ({"temporal_attention": "none"}, 3_012_659),
    ({"temporal_attention": "self"}, 3_015_253),
    ({"spatial_attention": "self"}, 3_008_053),
    ({"attention_source": "same"}, 3_013_957),
    ({"fine_width": 96}, 4_874_197),
    ({"fine_width": 96, "embed_when_equal": False}, 4_864_885),
    ({"fine_width": 24}, 2_543_701),
    ({"coarse_windows": ()}, 2_392_201),
    ({"coarse_windows": (3, 5)}, 3_942_625),
    ({"coarse_windows": (3, 3)}, 3_638_305),
    ({"coarse_dilations": (1, 2, 3, 4)}, 2_992_789),
    ({"subsampling_rate": 1}, 3_015_253),
    ({"subsampling_rate": 4}, 3_015_253),
    ({"gcn_scales": 13}, 3_259_305),
    ({"learnable_mask": False}, 2_537_128),
]


def build(**options):
    return MODELS["dualhead"](input_shape(num_classes=5), **(TINY | options))


def batch(frames=8):
    return torch.randn(2, 3, frames, 25, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("variant", "side"),
    [
        *((variant, "ours") for variant in (*VARIANTS, "kinetics")),
        ("ntu60", "straightforward"),
        ("kinetics", "straightforward"),
    ],
)
def test_both_heads_have_the_golden_logits(variant, side):
    case = CASES[f"dualhead_{variant}"]
    shape = input_shape("openpose18", 400) if variant == "kinetics" else input_shape()
    ours, direct = VARIANTS.get(variant, (KINETICS, KINETICS))
    network = fill_golden(StraightforwardDualHead(shape, **direct))
    if side == "ours":
        weights = dualhead_weights(network.state_dict())
        network = MODELS["dualhead"](shape, **ours).double()
        network.load_state_dict(weights)
    x = golden_input(case["input_shape"])

    with torch.no_grad():
        outputs = [logits(network(x)), logits(network.eval()(x))]

    for output, mode in zip(outputs, ("train", "eval"), strict=True):
        for head, golden in zip(output, case[mode], strict=True):
            assert_golden(head, golden)


@pytest.mark.parametrize(("frames", "variant"), list(enumerate(VARIANTS, 16)))
def test_a_step_is_that_of_the_straightforward_network(frames, variant):
    torch.manual_seed(frames)
    ours, direct = VARIANTS[variant]
    straightforward = shake(StraightforwardDualHead(input_shape(), **SMALL, **direct))
    network = MODELS["dualhead"](input_shape(), **SMALL, **ours).double()

    x = torch.randn(2, 3, frames, 25, 2, dtype=torch.float64)

    assert_trains_alike(network, straightforward, dualhead_weights, x)


@pytest.mark.parametrize(("options", "expected"), COUNTS)
def test_a_variant_has_the_published_number_of_parameters(options, expected):
    with torch.device("meta"):
        model = MODELS["dualhead"](input_shape(), **options)

    assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        (input_shape(num_classes=120), {}, 3_049_933),
        (input_shape("openpose18", 400), KINETICS, 3_134_460),
        (input_shape("openpose18", 400), {}, 2_976_816),
    ],
    ids=["ntu120", "kinetics", "kinetics with the scales of ntu"],
)
def test_another_data_set_has_the_published_number_of_parameters(shape, options, expected):
    with torch.device("meta"):
        model = MODELS["dualhead"](shape, **options)

    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_scores_are_the_log_of_the_mean_probabilities():
    model = build(coarse_share=0.25)

    out = model(batch())

    fine, coarse = (out.heads[name].softmax(1) for name in ("fine", "coarse"))
    torch.testing.assert_close(out.scores.exp(), 0.25 * coarse + 0.75 * fine)


def test_scores_can_be_the_mean_of_the_logits():
    out = build(fuse="logits", coarse_share=0.25)(batch())

    torch.testing.assert_close(out.scores, 0.25 * out.heads["coarse"] + 0.75 * out.heads["fine"])


@pytest.mark.parametrize(("share", "head"), [(0.0, "fine"), (1.0, "coarse")])
def test_one_head_alone_may_count(share, head):
    model = build(coarse_share=share)

    out = model(batch())
    out.scores.sum().backward()

    torch.testing.assert_close(out.scores, out.heads[head].log_softmax(1))
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_the_embedding_is_what_the_classifiers_are_given():
    model = build().eval()

    out = model(batch())

    fine, coarse = out.embedding.split((16, 32), dim=1)
    torch.testing.assert_close(model.classifiers["fine"](fine), out.heads["fine"])
    torch.testing.assert_close(model.classifiers["coarse"](coarse), out.heads["coarse"])


def test_the_loss_weights_are_those_of_the_options():
    assert build().head_weights == {"fine": 0.5, "coarse": 0.5}
    assert build(coarse_loss_weight=0.2).head_weights == {"fine": 0.5, "coarse": 0.2}


def test_frame_attention_starts_as_a_factor_of_one_and_a_half():
    x, source = torch.randn(2, 3, 8, 5), torch.randn(2, 4, 8, 5)

    assert torch.equal(FrameAttention(4)(x, source), 1.5 * x)


@pytest.mark.parametrize(("num_joints", "kernel"), [(25, 25), (18, 17), (2, 1), (1, 1)])
def test_joint_attention_sees_an_odd_number_of_joints(num_joints, kernel):
    attention = JointAttention(4, num_joints)
    x = torch.rand(2, 3, 8, num_joints) + 1

    factor = attention(x, torch.randn(2, 4, 8, num_joints)) / x

    assert attention.conv.kernel_size == (kernel,)
    assert ((factor > 1) & (factor < 2)).all()
    torch.testing.assert_close(factor, factor[:, :1, :1].expand_as(factor))


@pytest.mark.parametrize(
    ("alignment", "ratio", "num_values", "expected"),
    [
        ("index", (1, 2), 3, [0, 0, 10, 10, 20]),
        ("index", (3, 2), 4, [0, 10, 30]),
        ("index", (4, 2), 5, [0, 20, 40]),
        ("linear", (1, 2), 3, [0, 5, 10, 15, 20, 20]),
        ("linear", (3, 2), 3, [0, 15]),
        ("linear", (4, 2), 5, [0, 20, 40]),
        ("pool", (1, 2), 3, [0, 0, 10, 10, 20]),
        ("pool", (3, 2), 3, [5, 15]),
        ("pool", (4, 2), 5, [5, 25, 40]),
        ("pool", (2, 2), 3, [0, 10, 20]),
    ],
)
def test_frames_of_the_heads_are_matched(alignment, ratio, num_values, expected):
    values = 10 * torch.arange(num_values, dtype=torch.float32).view(1, 1, -1)

    matched = aligned(values, len(expected), ratio, alignment)

    assert matched.flatten().tolist() == expected


@pytest.mark.parametrize("rate", [1, 2, 3, 4])
@pytest.mark.parametrize("source", ["next", "same"])
def test_every_coarse_frame_has_a_frame_of_the_fine_head(rate, source):
    unit = 2 if source == "next" else 1

    for fine, coarse in lengths(rate):
        read = -(-fine // unit)
        matched = aligned(torch.arange(read).float(), coarse, (rate, unit), "index")

        assert matched.tolist() == [frame * rate // unit for frame in range(coarse)]


def lengths(rate):
    """Of the fine and the coarse map that both stages are given, for clips of 1 to 22 frames."""
    for frames in range(1, 23):
        fine, coarse = frames, -(-frames // rate)
        yield fine, coarse
        yield -(-fine // 2), -(-coarse // 2)


def test_attention_at_a_quarter_rate_is_a_strided_convolution():
    attention = FrameAttention(4, ratio=(4, 2))
    torch.nn.init.normal_(attention.conv.weight)
    strided = copy.deepcopy(attention)
    strided.ratio, strided.conv.stride = (1, 1), (2,)
    x, source = torch.randn(2, 3, 4, 5), torch.randn(2, 4, 7, 5)

    torch.testing.assert_close(attention(x, source), strided(x, source))


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"width": 9}, r"width must be a positive multiple of 4.*got 9"),
        ({"fine_width": 3}, r"2 \* fine_width must be a positive multiple of 4.*got 6"),
        ({"coarse_dilations": (1, 2, 3)}, r"2 \* width must be a positive multiple of 5"),
        ({"windows": (2,)}, r"windows must be odd and positive, got \(2, 3\)"),
        ({"coarse_windows": (0,)}, r"windows must be odd and positive, got \(3, 0\)"),
        ({"subsampling_rate": 0}, "subsampling_rate must be at least 1, got 0"),
        ({"coarse_share": 1.5}, "coarse_share must be in 0 to 1, got 1.5"),
        ({"fine_loss_weight": -1}, "fine_loss_weight and .* at least 0, .* got -1 and 0.5"),
        ({"fine_loss_weight": 0, "coarse_loss_weight": 0}, "one of them more, got 0 and 0"),
    ],
)
def test_a_senseless_option_is_refused_with_its_value(options, rule):
    with pytest.raises(ValueError, match=rule):
        build(**options)


def test_scores_are_fused_in_float32_under_autocast():
    torch.manual_seed(0)
    fine, coarse = torch.randn(2, 4, 5, dtype=torch.bfloat16)
    options = FusionOptions(
        kind="softmax", coarse_share=0.5, fine_loss_weight=0.5, coarse_loss_weight=0.5
    )

    fused = options.scores(fine, coarse)

    assert fused.dtype == torch.float32
    expected = (fine.double().softmax(1) + coarse.double().softmax(1)).div(2).log()
    torch.testing.assert_close(fused.double(), expected, atol=1e-6, rtol=1e-6)

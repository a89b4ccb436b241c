"""SLnL-rFA as a whole: sizes of the paper, persons, streams, heads and options."""

import copy
import inspect
from typing import Literal, get_args, get_origin

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.interface import InputShape
from models.person_fusion import fuse_persons
from models.slnl import slnl
from models.slnl_streams import JointNorm, velocities

TINY = {"channels": (4, 6), "new_joints": 4, "coordinate_systems": 2, "num_slnl_blocks": 1}
KINETICS = {
    "channels": (64, 64, 128, 128, 256, 256, 512, 512),
    "kernels": (5, 5, 3, 3, 3, 3, 3, 3),
}
TABLE_3 = {"num_slnl_blocks": 0, "frequency_attention": "none"}
TABLE_5 = {"num_slnl_blocks": 0}
NTU_PARAMETERS = [
    ({**TABLE_3, "transform": "none", "streams": "pos"}, 2_369_666),
    ({**TABLE_3, "transform": "none", "streams": "vel"}, 2_369_666),
    ({**TABLE_3, "transform": "none"}, 4_770_112),
    ({**TABLE_3, "transform": "cnn"}, 4_812_244),
    ({**TABLE_3, "transform": "c"}, 4_794_484),
    ({**TABLE_3, "transform": "s"}, 4_773_312),
    ({**TABLE_3, "transform": "cs"}, 4_797_684),
    ({**TABLE_5, "frequency_attention": "afa"}, 9_000_692),
    ({**TABLE_5, "frequency_attention": "sfa"}, 9_000_692),
    ({**TABLE_5, "frequency_attention": "dfa"}, 13_203_700),
    ({**TABLE_5, "spectrum": "half"}, 7_036_932),
    ({"num_slnl_blocks": 0}, 13_203_700),
    ({"num_slnl_blocks": 1, "non_local_parts": ("t",)}, 13_213_556),
    ({"num_slnl_blocks": 1, "non_local_parts": ("s",)}, 13_213_556),
    ({"num_slnl_blocks": 1}, 13_239_796),
    ({"num_slnl_blocks": 2}, 13_288_948),
    ({"num_slnl_blocks": 3}, 13_436_404),
    ({"num_slnl_blocks": 4}, 13_633_012),
    ({}, 14_222_836),
    ({"num_slnl_blocks": 6}, 15_009_268),
    ({"first_stage": "concat"}, 13_342_964),
]
KINETICS_PARAMETERS = [(0, 53_877_104), (3, 54_109_808), (5, 54_896_240), (8, 61_187_696)]
NTU_BLOCKS = [68_480, 86_144, 278_784, 344_320, 1_114_624, 983_552]
NTU_GIGA_MACS = 17.331  # of a clip with two persons
HEAD_GIGA_MACS = 2 * 4096 * 256 / 1e9  # of one head of the frequency attention
PRESENT = torch.tensor([[True, False], [True, True], [False, True], [True, False], [False, False]])
ONLY_WITH = {
    "afa_phase": {"frequency_attention": "afa"},
    "sfa_mask": {"frequency_attention": "sfa"},
    "fuse_at": {"person_fusion": "mean"},
}


def shape(frames=8, joints=6, persons=2, classes=5):
    return InputShape(
        num_classes=classes,
        num_channels=3,
        num_frames=frames,
        num_joints=joints,
        num_persons=persons,
        edges=(),
        centre=0,
    )


NTU = shape(64, 25, classes=60)


def build(seed=0, given=None, **options):
    torch.manual_seed(seed)
    return slnl(given or shape(), **{**TINY, "dropout": 0.0, **options})


def on_meta(given, **options):
    with torch.device("meta"):
        return slnl(given, **options)


def num_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def clips(present=PRESENT, t=8):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(len(present), 3, t, 6, present.shape[1], generator=generator).double()
    return x * present[:, None, None, None, :]


def awake(**options):
    """A model in which every module matters: nothing starts at zero."""
    model = build(**options).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def literal_options():
    for option in inspect.signature(slnl, eval_str=True).parameters.values():
        if get_origin(option.annotation) is Literal:
            yield from ((option.name, value) for value in get_args(option.annotation))


@pytest.mark.parametrize(("options", "expected"), NTU_PARAMETERS)
def test_a_variant_for_ntu_has_the_expected_number_of_parameters(options, expected):
    assert num_parameters(on_meta(NTU, **options)) == expected


@pytest.mark.parametrize(("count", "expected"), KINETICS_PARAMETERS)
def test_a_variant_for_kinetics_has_the_expected_number_of_parameters(count, expected):
    model = on_meta(shape(128, 18, classes=400), num_slnl_blocks=count, **KINETICS)

    assert num_parameters(model) == expected


@pytest.mark.parametrize("stream", ["pos", "vel"])
def test_every_part_has_the_expected_number_of_parameters(stream):
    model = on_meta(NTU)
    body = model.streams.bodies[stream]

    blocks = [num_parameters(part) for part in body.blocks if num_parameters(part)]

    assert blocks == NTU_BLOCKS
    assert num_parameters(model.streams.norms[stream]) == 6
    assert num_parameters(body.transform) == 90 + 1600
    assert num_parameters(body.frequency) == 4_203_008
    assert num_parameters(model.classifiers) == 61_620


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        (NTU, {}, (256, 8, 8)),
        (NTU, {"transform": "c"}, (256, 8, 3)),
        (NTU, {"pool_last": False}, (256, 16, 16)),
        (NTU, {"pool_axes": "time"}, (256, 8, 64)),
        (shape(128, 18), KINETICS, (512, 8, 4)),
    ],
)
def test_the_last_map_has_the_size_of_the_paper(given, options, expected):
    model = on_meta(given, frequency_attention="none", **options).eval()
    rows = torch.empty(1, 3, given.num_frames, given.num_joints, device="meta")

    assert model.streams(rows).shape == (1, 2, *expected)


def test_a_clip_of_two_persons_costs_the_expected_macs():
    model = on_meta(NTU, frequency_attention="none").eval()

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.streams(torch.empty(2, 3, 64, 25, device="meta"))

    expected = NTU_GIGA_MACS - 4 * 2 * HEAD_GIGA_MACS
    assert counter.get_total_flops() / 2e9 == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("resize", [1, 2.25, 3.75, 5]), ("pad_zero", [1, 3, 5, 0]), ("pad_copy", [1, 3, 5, 5])],
)
def test_velocities_have_as_many_frames_as_positions(mode, expected):
    positions = torch.tensor([0.0, 1.0, 4.0, 9.0])[None, None, :, None].expand(1, 3, 4, 2)

    result = velocities(positions, mode)

    assert result.shape == positions.shape
    torch.testing.assert_close(result[0, 2, :, 1], torch.tensor(expected, dtype=torch.float32))


def test_the_joint_norm_is_a_batch_norm_of_every_coordinate_of_every_joint():
    x = clips()[..., 0]
    plain = nn.BatchNorm1d(18).double()

    normed = JointNorm(3, 6).double()(x)

    expected = plain(x.transpose(2, 3).flatten(1, 2)).view(5, 3, 6, 8).transpose(2, 3)
    torch.testing.assert_close(normed, expected)


@pytest.mark.parametrize("fuse_at", ["map", "vector"])
@pytest.mark.parametrize("person_fusion", ["max", "mean"])
def test_slots_that_nobody_takes_and_their_order_do_not_matter(person_fusion, fuse_at):
    model = awake(person_fusion=person_fusion, fuse_at=fuse_at).eval()
    x = clips()
    longer = torch.cat((x, torch.zeros_like(x[..., :1])), dim=-1)

    scores = model(x, PRESENT).scores

    torch.testing.assert_close(model(longer).scores, scores)
    torch.testing.assert_close(model(x.flip(-1)).scores, scores)
    torch.testing.assert_close(model(x[:1], PRESENT[:1]).scores, scores[:1])
    torch.testing.assert_close(model(x[:1, ..., :1]).scores, scores[:1])


@pytest.mark.parametrize(("how", "expected"), [("max", [-1, -3, -5]), ("mean", [-1.5, -3, -5])])
def test_what_an_absent_person_has_does_not_count(how, expected):
    rows = torch.tensor([-1.0, -2.0, -3.0, 7.0, 7.0, -5.0])[:, None]
    present = torch.tensor([[True, True], [True, False], [False, True]])

    fused = fuse_persons(rows, present, 2, how)

    assert fused[:, 0].tolist() == expected


def test_persons_fused_after_pooling_are_the_maximum_of_their_features():
    model = awake(fuse_at="vector").eval()
    x = clips(torch.ones(2, 2, dtype=torch.bool))

    alone = [model._pooled(x[..., m : m + 1], None) for m in range(2)]

    torch.testing.assert_close(model._pooled(x, None), torch.maximum(*alone))


def test_absent_persons_do_not_move_the_batch_statistics():
    model = awake()
    few = copy.deepcopy(model)
    x = clips(torch.tensor([[True, False], [True, False]]))

    model(x)
    few(x[..., :1])

    for (key, a), b in zip(model.named_buffers(), few.buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=key)


def test_without_the_mask_zeros_are_persons():
    masked, literal = awake().eval(), awake(mask_absent=False).eval()
    literal.load_state_dict(masked.state_dict())
    x = clips()

    scores = literal(x, PRESENT).scores

    torch.testing.assert_close(masked(x, torch.ones_like(PRESENT)).scores, scores)
    assert not torch.allclose(masked(x, PRESENT).scores, scores)


@pytest.mark.parametrize("person_fusion", ["max", "mean"])
@pytest.mark.parametrize("share_streams", [False, True])
@pytest.mark.parametrize("input_norm", ["coord", "joint_coord"])
def test_leaving_absent_rows_out_equals_counting_them_zero_times(
    monkeypatch, person_fusion, share_streams, input_norm
):
    packed = awake(
        person_fusion=person_fusion,
        share_streams=share_streams,
        input_norm=input_norm,
        non_local_gate="bn",
        inner_activation="bn_relu",
    )
    weighted = copy.deepcopy(packed)
    inputs = [clips().requires_grad_() for _ in range(2)]

    outputs = [packed(inputs[0], PRESENT)]
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    outputs.append(weighted(inputs[1], PRESENT))

    close = {"atol": 1e-10, "rtol": 1e-10}
    for out in outputs:
        torch.stack(list(out.heads.values())).square().sum().backward()
    torch.testing.assert_close(*outputs, **close)
    torch.testing.assert_close(*(x.grad for x in inputs), **close)
    for a, b in zip(packed.parameters(), weighted.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, **close)
    for a, b in zip(packed.buffers(), weighted.buffers(), strict=True):
        torch.testing.assert_close(a, b, **close)


@pytest.mark.parametrize("present", [PRESENT, None])
def test_the_model_is_one_graph_for_the_compiler(present):
    torch._dynamo.reset()
    model = awake(channels=(4,), streams="vel", non_local_parts=("st",))
    compiled = torch.compile(copy.deepcopy(model), backend="eager", fullgraph=True)

    expected, scores = model(clips(), present).scores, compiled(clips(), present).scores

    torch.testing.assert_close(scores, expected)


def test_shared_bodies_take_both_streams_as_one_batch():
    streams = awake(share_streams=True).streams
    rows = clips()[..., 0]
    signals = [streams.norms["pos"](rows), streams.norms["vel"](velocities(rows))]

    together = streams.bodies["shared"](torch.cat(signals))

    assert list(streams.bodies) == ["shared"]
    torch.testing.assert_close(streams(rows), torch.stack(together.chunk(2), dim=1))


@pytest.mark.parametrize("stream", ["pos", "vel"])
def test_a_model_of_one_stream_has_one_head(stream):
    model = awake(streams=stream)

    out = model(clips())

    assert list(out.heads) == list(model.classifiers) == list(model.head_weights) == [stream]
    torch.testing.assert_close(out.scores, model.classifiers[stream](out.embedding))


@pytest.mark.parametrize("infer", ["cat", "sum"])
def test_three_heads_are_supervised_and_one_or_all_are_used(infer):
    model = awake(infer=infer).eval()

    heads, scores, embedding = model(clips())

    expected = heads["cat"] if infer == "cat" else heads["pos"] + heads["vel"] + heads["cat"]
    assert model.head_weights == {"pos": 1.0, "vel": 1.0, "cat": 1.0}
    torch.testing.assert_close(scores, expected)
    torch.testing.assert_close(heads["cat"], model.classifiers["cat"](embedding))
    torch.testing.assert_close(heads["vel"], model.classifiers["vel"](embedding[:, 6:]))


def test_the_head_on_both_streams_trains_both():
    model = build()

    model(clips().float()).heads["cat"].square().sum().backward()

    for body in model.streams.bodies.values():
        assert all(parameter.grad is not None for parameter in body.parameters())
    assert model.classifiers["pos"].weight.grad is None


@pytest.mark.parametrize(("pool", "hidden", "width"), [("flatten", 0, 48), ("flatten", 7, 7)])
def test_flattened_maps_and_a_hidden_layer_feed_the_classifiers(pool, hidden, width):
    model = build(head_pool=pool, head_hidden=hidden, frequency_attention="none")

    out = model(clips().float())

    assert out.embedding.shape == (5, 2 * width)
    assert model.classifiers["pos"].in_features == width


@pytest.mark.parametrize(("option", "value"), list(literal_options()))
def test_every_value_of_every_choice_trains(option, value):
    model = build(**ONLY_WITH.get(option, {}), **{option: value})

    out = model(clips().float(), PRESENT)
    torch.stack(list(out.heads.values())).square().sum().backward()

    assert out.embedding.shape == (5, model.embedding_dim)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_the_model_trains_under_bf16_autocast():
    model = build()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(clips().float(), PRESENT)
    out.scores.float().square().sum().backward()

    expected = build()(clips().float(), PRESENT).scores
    torch.testing.assert_close(out.scores.float(), expected, atol=0.1, rtol=0.1)


def test_without_frequency_attention_clips_may_have_any_length():
    model = awake(frequency_attention="none").eval()

    assert all(model(clips(t=t)).scores.isfinite().all() for t in (2, 5, 13))


@pytest.mark.parametrize(
    ("options", "t", "rule"),
    [
        ({}, 9, "tied to clips of 8 frames .* got 9"),
        ({"frequency_attention": "none", "head_pool": "flatten"}, 9, "tied to clips of 8 frames"),
        ({"frequency_attention": "none"}, 1, "clips must have at least 2 frames, got 1"),
        ({"frequency_attention": "none", "pool_every": 1}, 3, "at least 4 frames, got 3"),
    ],
)
def test_a_clip_of_a_length_the_model_cannot_take_is_refused(options, t, rule):
    with pytest.raises(ValueError, match=rule):
        build(**options)(clips(t=t).float())


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"channels": (4,) * 8}, "4 poolings of both need at least 16 frames and 16 joints, got 8"),
        ({"transform": "c", "pool_every": 1, "channels": (2,) * 3}, "8 frames and 8 joints, got 8"),
        ({"channels": (3, 3), "first_stage": "concat"}, r"channels must be even .* got \(3, 3\)"),
        ({"new_joints": 0}, "coordinate_systems and new_joints must be at least 1, got 2 and 0"),
        ({"non_local_ratio": 0.0}, "non_local_ratio must be positive, got 0.0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
        ({"head_hidden": -1}, "head_hidden must be at least 0, got -1"),
    ],
)
def test_a_senseless_option_is_refused_with_its_value(options, rule):
    with pytest.raises(ValueError, match=rule):
        build(**options)

"""Where MDR-GCN and CTR-GCN are easily got wrong."""

import math

import pytest
import torch

from models import MODELS
from models.backbone import DataNorm, plan_layers
from models.pointwise import Pointwise, SubsetPointwise
from models.temporal import MultiScaleTemporalConv, max_pool
from models.topology import TopologyGraphConv, TopologyOptions
from tests.models.golden import fill_golden, golden_input, input_shape


def graph_conv(adjacency, **options):
    torch.manual_seed(0)
    return TopologyGraphConv(4, 8, 2, adjacency, TopologyOptions(**options)).double()


def middle_channels(network):
    return [layer.spatial.conv.topology_head.weight.shape[2] for layer in network.layers]


def convs(network):
    return [layer.spatial.conv for layer in network.layers]


def test_the_row_of_the_adjacency_is_the_target():
    conv = graph_conv(torch.zeros(1, 3, 3), cvsta=False)
    conv.adjacency.data[0, 0, 2] = 1
    x = torch.randn(1, 4, 5, 3, dtype=torch.float64)

    y = conv(x)

    torch.testing.assert_close(y[..., 0], conv.features(x)[..., 2])
    assert not y[..., 1:].any()


def test_subsets_of_one_convolution_equal_separate_convolutions():
    adjacency = torch.rand(3, 5, 5)
    conv, parts = graph_conv(adjacency), [graph_conv(a[None]) for a in adjacency]
    for module in (conv, *parts):
        fill_golden(module)
    x = golden_input(2, 4, 7, 5, 1)[..., 0]

    together, separate = conv(x), sum(part(x) for part in parts)

    torch.testing.assert_close(together, separate)


def test_stacked_kernels_equal_the_sum_of_separate_mstcns():
    stacked = fill_golden(MultiScaleTemporalConv(8, (3, 5), (1, 2), stride=2))
    parts = [fill_golden(MultiScaleTemporalConv(8, (k,), (1, 2), stride=2)) for k in (3, 5)]
    x = golden_input(2, 8, 9, 3, 1)[..., 0]

    together, separate = stacked(x), sum(part(x) for part in parts)

    torch.testing.assert_close(together, separate)


@pytest.mark.parametrize(("frames", "stride"), [(9, 1), (9, 2), (8, 2), (1, 2)])
def test_the_pooling_branch_is_pytorchs_max_pooling(frames, stride):
    x = torch.randint(3, (2, 4, frames, 5), dtype=torch.float64, requires_grad=True)
    reference = torch.nn.MaxPool2d((3, 1), stride=(stride, 1), padding=(1, 0))

    ours, theirs = max_pool(x, stride), reference(x)

    weights = torch.rand_like(theirs)  # equal values: the gradient goes to the first of them
    grads = [torch.autograd.grad((y * weights).sum(), x)[0] for y in (ours, theirs)]
    assert torch.equal(ours, theirs)
    assert torch.equal(*grads)


@pytest.mark.parametrize("options", [{}, {"head_order": "conv_act"}, {"share_spatial": False}])
def test_a_training_step_is_one_graph_for_the_compiler(options):
    torch._dynamo.reset()
    conv = graph_conv(torch.rand(3, 5, 5), **options)
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64)

    compiled = torch.compile(conv, backend="eager", fullgraph=True)

    torch.testing.assert_close(compiled(x), conv(x))
    compiled(x).sum().backward()


def test_the_dynamic_topology_starts_switched_off():
    for conv in convs(MODELS["mdrgcn"](input_shape(), width=8)):
        assert conv.alpha.numel() == 1
        assert not conv.alpha.any()


def test_only_alpha_learns_of_the_dynamic_topology_at_first():
    conv = graph_conv(torch.rand(3, 5, 5))

    conv(torch.randn(2, 4, 3, 5, dtype=torch.float64)).square().sum().backward()

    assert conv.alpha.grad.all()
    assert not conv.topology_head.weight.grad.any()
    assert conv.attention_head.weight.grad.any()


def test_alpha_may_belong_to_the_subset():
    network = MODELS["mdrgcn"](input_shape(), width=8, alpha_per="subset")

    assert all(conv.alpha.numel() == 3 for conv in convs(network))


def test_a_separate_spatial_vector_adds_a_convolution_to_each_subset():
    shared = graph_conv(torch.rand(3, 5, 5))
    separate = graph_conv(torch.rand(3, 5, 5), share_spatial=False)

    extra = separate.joint_vectors.weight.numel() - shared.joint_vectors.weight.numel()

    assert extra == 3 * 4 * 2


def test_the_middle_channels_follow_the_ratio_but_in_the_first_layer():
    network = MODELS["mdrgcn"](input_shape(), width=64)

    assert middle_channels(network) == [8, 8, 8, 8, 8, 16, 16, 16, 32, 32]


def test_the_middle_channels_of_a_narrow_network_stay_positive():
    network = MODELS["mdrgcn"](input_shape(num_channels=9), width=8, cvsta_ratio=16)

    assert middle_channels(network) == [8, 1, 1, 1, 1, 1, 1, 1, 2, 2]


def test_the_middle_channels_may_be_equal_or_constant():
    equal = MODELS["mdrgcn"](input_shape(), width=8, c_mid="equal")
    constant = MODELS["mdrgcn"](input_shape(), width=8, c_mid="const", c_mid_channels=5)

    assert middle_channels(equal) == [8, 8, 8, 8, 8, 16, 16, 16, 32, 32]
    assert middle_channels(constant) == [5] * 10


def test_the_plan_halves_the_time_where_it_widens():
    plan = plan_layers(3, 16)

    assert [layer.out_channels for layer in plan] == [16] * 4 + [32] * 3 + [64] * 3
    assert [layer.stride for layer in plan] == [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]


def test_the_first_layer_has_no_residual():
    layers = MODELS["mdrgcn"](input_shape(), width=8).layers

    assert [layer.residual is None for layer in layers] == [True] + [False] * 9


def test_a_fresh_unit_is_almost_its_shortcut():
    for layer in MODELS["mdrgcn"](input_shape(), width=8).layers:
        assert layer.spatial.norm.weight.unique().tolist() == pytest.approx([1e-6])


def test_the_norms_of_the_mstcn_start_around_one_and_the_others_at_one():
    network = MODELS["mdrgcn"](input_shape())
    inner = torch.cat([layer.temporal.exit_norm.weight for layer in network.layers])

    assert inner.mean().item() == pytest.approx(1, abs=0.005)
    assert inner.std().item() == pytest.approx(0.02, abs=0.003)
    assert network.layers[4].residual[1].weight.unique().tolist() == [1]


def test_stacked_convolutions_start_like_separate_ones():
    torch.manual_seed(0)
    stacked, subset = Pointwise(64, 32, copies=3), SubsetPointwise(64, 32, 3)

    for weight in (stacked.weight, subset.weight):
        assert weight.std().item() == pytest.approx(math.sqrt(2 / 32), rel=0.05)
    assert not stacked.bias.any()
    assert not subset.bias.any()


def test_the_classifier_starts_wide():
    torch.manual_seed(0)
    network = MODELS["ctrgcn"](input_shape(num_classes=10))

    assert network.classifiers["main"].weight.std().item() == pytest.approx(
        math.sqrt(0.2), rel=0.05
    )


def test_the_data_norm_orders_persons_joints_and_channels():
    norm = DataNorm(input_shape())
    norm.norm.bias.data = torch.arange(2.0 * 25 * 3)

    y = norm.eval()(torch.zeros(1, 3, 4, 25, 2))

    assert y.shape == (2, 3, 4, 25)
    assert y[1, 2, 0, 7] == 1 * 25 * 3 + 7 * 3 + 2


def test_mdrgcn_without_attention_and_with_subtraction_is_ctrgcn():
    options = {"cvsta": False, "pair": "sub", "temporal_kernels": (5,)}
    mdrgcn = fill_golden(MODELS["mdrgcn"](input_shape(), width=8, **options))
    ctrgcn = fill_golden(MODELS["ctrgcn"](input_shape(), width=8))
    x = golden_input(1, 3, 8, 25, 2)

    assert torch.equal(mdrgcn(x).scores, ctrgcn(x).scores)


def test_the_embedding_is_the_non_negative_pooled_feature_or_the_logits():
    x = torch.randn(2, 3, 8, 25, 2)
    pooled = MODELS["mdrgcn"](input_shape(), width=8)
    logits = MODELS["mdrgcn"](input_shape(), width=8, embed="logits")

    out = logits(x)

    assert pooled.embedding_dim == 32
    assert (pooled(x).embedding >= 0).all()
    assert logits.embedding_dim == 6
    assert torch.equal(out.embedding, out.scores)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("mdrgcn", "cvsta_ratio"),
        ("mdrgcn", "c_mid_channels"),
        ("mdrgcn", "joint_attention_reduction"),
        ("ctrgcn", "rel_reduction"),
    ],
)
def test_a_reduction_below_one_is_refused(name, option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1, got 0"):
        MODELS[name](input_shape(), **{option: 0})


@pytest.mark.parametrize("order", ["act_conv", "conv_act"])
def test_the_attention_that_is_looked_at_is_what_multiplies_the_features(order):
    conv = TopologyGraphConv(3, 8, 4, torch.eye(5)[None], TopologyOptions(head_order=order))
    x = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))

    attention = conv.attention(x)

    attended = (attention * conv.features(x).unsqueeze(1)).squeeze(1)  # one subset, no neighbours
    assert torch.allclose(conv(x), attended, atol=1e-5)

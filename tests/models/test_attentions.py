"""The attentions that MDR-GCN is compared with, against their equations written out."""

import math

import pytest
import torch

from models import MODELS
from models.joint_attention import JointAttention
from models.learnable_gc import LearnableGraphConv
from models.self_attention_gc import SelfAttentionGraphConv
from tests.models.golden import golden_input, input_shape

SETTINGS = {
    "sa_gc": {"graph_conv": "sa_gc", "cvsta": False},
    "joint attention": {"graph_conv": "learnable", "cvsta": False, "joint_attention": True},
    "ctr_gc and joint attention": {"cvsta": False, "joint_attention": True},
}


def randomized(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module.double()


def test_sa_gc_is_its_equations_written_out():
    conv, x = (
        randomized(SelfAttentionGraphConv(16, 6, 4, num_heads=3)),
        golden_input(2, 16, 3, 4, 1),
    )
    x = x[..., 0]

    y = conv(x)

    for n, t, i in ((0, 0, 0), (1, 2, 3)):
        torch.testing.assert_close(y[n, :, t, i], _sa_gc_of_a_joint(conv, x[n, :, t], i))


def _sa_gc_of_a_joint(conv, frame, i):
    """Output (C',) of joint i, from one frame (C, V), head by head."""
    mean, var = frame.mean(0), frame.var(0, correction=0)
    joints = ((frame - mean) / (var + 1e-5).sqrt()).T * conv.norm.weight + conv.norm.bias
    both = joints @ conv.queries_keys.weight.T + conv.queries_keys.bias
    queries, keys = both.view(-1, 2, 3, conv.depth).unbind(1)  # V H D
    total = 0
    for h, weight in enumerate(conv.values.weight.split(16, dim=1)):
        products = torch.stack([queries[i, h] @ key / math.sqrt(conv.depth) for key in keys[:, h]])
        topology = products.exp() / products.exp().sum() * conv.adjacency[h, i]
        total = total + weight @ (frame @ topology) + conv.values.bias[h]
    return total


def test_joint_attention_is_its_equations_written_out():
    attention = randomized(JointAttention(8, reduction=4)).eval()
    x = golden_input(2, 8, 3, 5, 1)[..., 0]

    y = attention(x)

    squeeze, norm, _ = attention.squeeze
    norm_scale = norm.weight / math.sqrt(1 + 1e-5)
    out_scale = attention.norm.weight / math.sqrt(1 + 1e-5)
    for n, t, v in ((0, 0, 0), (1, 2, 4)):
        hidden = [
            squeeze.weight @ mean + squeeze.bias
            for mean in (x[n, :, t].mean(1), x[n, :, :, v].mean(1))
        ]
        hidden = [torch.nn.functional.hardswish(h * norm_scale + norm.bias) for h in hidden]
        gates = (attention.frame_gate, attention.joint_gate)
        frame, joint = (
            (g.weight @ h + g.bias).sigmoid() for g, h in zip(gates, hidden, strict=True)
        )
        gated = x[n, :, t, v] * frame * joint * out_scale + attention.norm.bias
        torch.testing.assert_close(y[n, :, t, v], (gated + x[n, :, t, v]).relu())


def test_the_learnt_adjacency_aggregates_into_the_row():
    conv, x = randomized(LearnableGraphConv(3, 4, torch.rand(2, 5, 5))), golden_input(2, 3, 6, 5, 1)
    x = x[..., 0]

    y = conv(x)

    features = conv.features(x).unflatten(1, (2, 4))
    torch.testing.assert_close(y, torch.einsum("kuw,nkctw->nctu", conv.adjacency, features))


def test_sa_gc_starts_from_the_identity_and_wide_queries():
    torch.manual_seed(0)
    conv = SelfAttentionGraphConv(256, 256, 25, num_heads=3)

    assert torch.equal(conv.adjacency, torch.eye(25).expand(3, 25, 25))
    assert conv.queries_keys.weight.std().item() == pytest.approx(1, rel=0.02)
    assert conv.values.weight.std().item() == pytest.approx(
        math.sqrt(2 / (256 * 256 * 3)), rel=0.02
    )


def test_the_depth_of_a_head_is_an_eighth_of_the_channels_and_one_at_least():
    depths = [SelfAttentionGraphConv(channels, 8, 5, 3).depth for channels in (3, 8, 64, 256)]

    assert depths == [1, 1, 8, 32]


def test_joint_attention_follows_the_mstcn_of_every_layer():
    with torch.device("meta"):
        network = MODELS["mdrgcn"](input_shape(), width=8, joint_attention=True)

    attentions = [layer.temporal[1] for layer in network.layers]
    bottlenecks = [attention.frame_gate.weight.shape[1] for attention in attentions]
    assert bottlenecks == [2] * 4 + [4] * 3 + [8] * 3


@pytest.mark.parametrize("name", SETTINGS)
def test_a_layer_of_a_setting_is_one_graph_for_the_compiler(name):
    torch._dynamo.reset()
    network = MODELS["mdrgcn"](input_shape("coco17"), width=4, **SETTINGS[name])
    layer, x = network.layers[4].eval(), torch.randn(2, 4, 6, 17)

    compiled = torch.compile(layer, backend="eager", fullgraph=True)

    torch.testing.assert_close(compiled(x), layer(x))


@pytest.mark.parametrize("graph_conv", ["sa_gc", "learnable"])
def test_cvsta_belongs_to_ctr_gc(graph_conv):
    rule = f"cvsta must be false unless graph_conv is ctr_gc, got {graph_conv}"
    with pytest.raises(ValueError, match=rule):
        MODELS["mdrgcn"](input_shape(), graph_conv=graph_conv)

"""Values of the published networks, computed independently in float64."""

import pytest
import torch

from models import MODELS
from models.graphs import digraph
from models.skeletons import SKELETONS
from models.temporal import MultiScaleTemporalConv
from models.topology import TopologyGraphConv, TopologyOptions
from tests.models.golden import TOLERANCE, fill_golden, golden_input, input_shape

SUBSETS = {
    "default": (
        TopologyOptions(),
        (4.940366155, 0.080129075, 0.000582304, 0.002122543, 0.001605147),
    ),
    "sub": (
        TopologyOptions(pair="sub"),
        (-2.004628460, 0.039970103, -0.000761670, 0.000781557, 0.000262281),
    ),
    "conv_act": (
        TopologyOptions(head_order="conv_act"),
        (4.930762281, 0.079854893, 0.000585124, 0.002129221, 0.001615169),
    ),
    "sigmoid": (
        TopologyOptions(activation="sigmoid"),
        (15.118683306, 6.854784823, 0.038681193, -0.026508097, -0.021606639),
    ),
    "hardswish": (
        TopologyOptions(activation="hardswish"),
        (3.147625561, 0.043397306, -0.000137055, 0.001421835, 0.001111257),
    ),
    "ctrgc": (
        TopologyOptions(cvsta=False, pair="sub"),
        (34.009462243, 31.983395521, -0.270729806, 0.043356371, 0.013848950),
    ),
}
NETWORKS = {
    "mdrgcn": (
        "mdrgcn",
        {},
        (
            (0.147735988, 0.061488753, -0.079331840, -0.107670827, -0.003003873, 0.094209926),
            (0.165016010, 0.090567358, -0.072502302, -0.131086947, -0.029248111, 0.095866507),
        ),
    ),
    "ctrgcn with cvsta": (
        "ctrgcn",
        {"cvsta": True},
        (
            (0.004593369, 0.033332528, 0.040465979, 0.019811786, -0.017103712, -0.044963101),
            (0.004734616, 0.033458639, 0.040429293, 0.019655258, -0.017196806, -0.044883759),
        ),
    ),
    "ctrgcn": (
        "ctrgcn",
        {},
        (
            (0.174892596, -0.083737512, -0.226897990, -0.084794139, 0.163529723, 0.209409046),
            (0.188711791, -0.075246171, -0.233676870, -0.098905965, 0.158608252, 0.219440396),
        ),
    ),
}
LAYER_MAXIMA = (
    *(0.276784, 0.610236, 1.294899, 2.504216, 2.037245),
    *(2.568953, 3.374227, 0.763419, 0.901549, 1.134477),
)


@pytest.mark.parametrize("name", SUBSETS)
def test_one_graph_subset_has_the_golden_values(name):
    options, expected = SUBSETS[name]
    inward = digraph(SKELETONS["ntu25"].edges, 25)[1:2]
    conv = fill_golden(TopologyGraphConv(16, 8, 4, inward, options))

    y = conv(golden_input(1, 16, 5, 25, 1)[..., 0])

    actual = torch.stack((y.sum(), y.square().sum(), *y[0, 0, 0, :3]))
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), **TOLERANCE)


def test_a_strided_mstcn_has_the_golden_values():
    temporal = fill_golden(MultiScaleTemporalConv(16, (5,), (1, 2), stride=2))

    y = temporal(golden_input(1, 16, 9, 3, 1)[..., 0])

    expected = (11.777688659, 3.235473345)
    expected += (-0.102570940, 0.149278022, -0.059523614, 0.123213033, -0.109850889, 0.156515112)
    actual = torch.stack((y.sum(), y.square().sum(), *y[0, :6, 0, 0]))
    assert y.shape == (1, 16, 5, 3)
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), **TOLERANCE)


def test_an_unstrided_mstcn_has_the_golden_values():
    temporal = fill_golden(MultiScaleTemporalConv(16, (3,), (1, 2), stride=1))

    y = temporal(golden_input(1, 16, 9, 3, 1)[..., 0])

    expected = torch.tensor((25.146678893, 4.604202157), dtype=torch.float64)
    torch.testing.assert_close(torch.stack((y.sum(), y.square().sum())), expected, **TOLERANCE)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_whole_network_has_the_golden_logits(name):
    model, options, expected = NETWORKS[name]
    network = fill_golden(MODELS[model](input_shape(), **options))

    with torch.no_grad():
        out = network(golden_input(2, 3, 16, 25, 2))

    torch.testing.assert_close(out.scores, torch.tensor(expected, dtype=torch.float64), **TOLERANCE)


def test_every_layer_of_mdrgcn_has_the_golden_maximum():
    network = fill_golden(MODELS["mdrgcn"](input_shape()))
    maxima = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _m, _i, out: maxima.append(out.abs().max().item()))

    with torch.no_grad():
        out = network(golden_input(2, 3, 16, 25, 2))

    assert maxima == pytest.approx(LAYER_MAXIMA, abs=6e-7)
    assert out.embedding.sum().item() == pytest.approx(96.935554624, abs=6e-10)

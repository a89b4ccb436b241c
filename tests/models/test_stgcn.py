"""ST-GCN, with and without CVSTA."""

import pytest
import torch

from models.graphs import digraph
from models.stgcn import PartitionedGraphConv, stgcn
from tests.models.golden import TOLERANCE, fill, fill_golden, golden_input, input_shape
from tests.models.test_size import SHAPES, num_parameters

PARAMETERS = [
    ({}, (3_098_832, 3_098_727, 3_085_982)),
    ({"num_layers": 9}, (3_047_293, 3_048_196, 3_034_443)),
    ({"cvsta": True}, (3_334_512, 3_334_407, 3_321_662)),
    ({"cvsta": True, "share_cvsta": True}, (3_177_392, 3_177_287, 3_164_542)),
]
LOGITS = (
    (-0.009841280, 0.048797572, 0.067722955, 0.026945961, -0.038445624, -0.069792214),
    (-0.009876066, 0.048777022, 0.067740703, 0.026981226, -0.038434133, -0.069817952),
)


@pytest.mark.parametrize(("options", "expected"), PARAMETERS)
def test_a_variant_has_the_published_number_of_parameters(options, expected):
    with torch.device("meta"):
        counts = tuple(num_parameters(stgcn(shape, **options)) for shape in SHAPES.values())

    assert counts == expected


def test_every_layer_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = stgcn(SHAPES["ntu60"])

    counts = [num_parameters(layer) - 3 * 25 * 25 for layer in network.layers]
    assert counts == [37952, *[49664] * 3, 181632, *[197632] * 2, 723712, *[788480] * 2]
    assert num_parameters(network.data_norm) == 150


def test_the_network_has_the_golden_logits():
    network = fill_golden(stgcn(input_shape(), graph="digraph"))
    for part in network.modules():
        if isinstance(part, PartitionedGraphConv):  # published as one convolution, not three
            fill(part.features.weight, part.features.bias)

    with torch.no_grad():
        out = network(golden_input(2, 3, 16, 25, 2))

    torch.testing.assert_close(out.scores, torch.tensor(LOGITS, dtype=torch.float64), **TOLERANCE)


def test_nine_layers_are_the_ten_without_one_narrow_one():
    with torch.device("meta"):
        network = stgcn(SHAPES["ntu60"], num_layers=9)

    widths = [layer.spatial.features.out_channels // 3 for layer in network.layers]
    assert widths == [64] * 3 + [128] * 3 + [256] * 3


def test_the_attention_multiplies_the_features_of_every_subset():
    torch.manual_seed(0)
    network = stgcn(SHAPES["gym99"], width=4, cvsta=True, cvsta_ratio=2).double()
    conv, x = network.layers[1].spatial, torch.randn(2, 4, 3, 17).double()

    y = conv(x)

    vectors = conv.attention
    joints = vectors.joint_vectors(x).unflatten(1, (3, -1)).mean(3)
    frames = vectors.frame_vectors(x).unflatten(1, (3, -1)).mean(4)
    outer = torch.einsum("nkrt,nkrv->nkrtv", frames, joints).tanh()
    scores = torch.einsum("kcr,nkrtv->nkctv", vectors.head.weight, outer)
    scores = scores + vectors.head.bias[..., None, None].reshape(3, -1, 1, 1)
    features = conv.features(x).unflatten(1, (3, -1)) * scores
    edges = conv.adjacency * conv.importance
    torch.testing.assert_close(y, torch.einsum("nkctv,kvw->nctw", features, edges))


def test_weights_start_near_zero_and_norms_near_one():
    torch.manual_seed(0)
    network = stgcn(SHAPES["gym99"], cvsta=True)

    layer = network.layers[5]
    assert layer.temporal.conv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert layer.spatial.features.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert layer.spatial.attention.head.weight.std().item() > 0.05
    assert layer.temporal.exit_norm.weight.mean().item() == pytest.approx(1.0, abs=0.01)


def test_dropout_is_in_every_layer_but_the_first():
    with torch.device("meta"):
        network = stgcn(SHAPES["gym99"], width=4)

    assert [layer.temporal.dropout.p for layer in network.layers] == [0.0] + [0.5] * 9


def test_the_column_of_the_adjacency_is_the_target():
    edges = ((1, 0), (2, 1))
    conv = PartitionedGraphConv(1, 1, digraph(edges, 3)[1:2], importance=False, attention=None)
    torch.nn.init.ones_(conv.features.weight)

    y = conv(torch.tensor([1.0, 10.0, 100.0]).view(1, 1, 1, 3))

    assert y.flatten().tolist() == [0.0, 1.0, 10.0]  # In[parent, child]: a child gets its parent


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"width": 0}, "width and cvsta_ratio must be at least 1, got width=0"),
        ({"temporal_kernel": 4}, "temporal_kernel must be odd, got 4"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
    ],
)
def test_a_senseless_option_is_refused_with_its_value(options, rule):
    with pytest.raises(ValueError, match=rule):
        stgcn(SHAPES["ntu60"], **options)

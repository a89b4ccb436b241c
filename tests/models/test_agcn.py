"""2s-AGCN against its equations written out."""

import pytest
import torch

from models.agcn import AdaptiveGraphConv, agcn
from models.graphs import digraph
from models.skeletons import SKELETONS
from tests.models.test_size import SHAPES, num_parameters

PARAMETERS = {"ntu60": 3_469_510, "gym99": 3_469_255, "fsd10": 3_456_510}


def random_conv(in_channels=4, out_channels=8):
    torch.manual_seed(0)
    conv = AdaptiveGraphConv(in_channels, out_channels, digraph(SKELETONS["coco17"].edges, 17))
    for parameter in conv.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return conv.double()


def written_out(conv, x):
    """Subset by subset: softmax over the first joint, then the column is the target."""
    embeddings = conv.embeddings(x).unflatten(1, (2, 3, -1))
    total = 0
    for k, weight in enumerate(conv.values.weight.split(x.shape[1], dim=1)):
        theta, phi = embeddings[:, 0, k], embeddings[:, 1, k]
        products = torch.einsum("nctv,nctw->nvw", theta, phi) / theta[0, ..., 0].numel()
        adjacency = products.softmax(1) + conv.adjacency[k] + conv.learnt[k]
        gathered = torch.einsum("nctv,nvw->nctw", x, adjacency)
        total = total + torch.einsum("oc,nctw->notw", weight, gathered)
        total = total + conv.values.bias[k][:, None, None]
    return total


def test_the_adaptive_graph_convolution_is_its_equations_written_out():
    conv, x = random_conv(), torch.randn(2, 4, 5, 17).double()

    torch.testing.assert_close(conv(x), written_out(conv, x), atol=1e-12, rtol=1e-12)


def test_a_fresh_convolution_knows_the_graph_and_almost_no_learnt_edges():
    conv = AdaptiveGraphConv(3, 8, digraph(SKELETONS["ntu25"].edges, 25))

    assert conv.adjacency.sum().item() == pytest.approx(25 + 24 + 20)
    assert torch.equal(conv.learnt, torch.full((3, 25, 25), 1e-6))


@pytest.mark.parametrize("name", SHAPES)
def test_the_network_has_the_published_number_of_parameters(name):
    with torch.device("meta"):
        network = agcn(SHAPES[name])

    assert num_parameters(network) == PARAMETERS[name]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"width": 6}, "width must be a positive multiple of 4, got 6"),
        ({"temporal_kernel": 4}, "temporal_kernel must be odd, got 4"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
    ],
)
def test_a_senseless_option_is_refused_with_its_value(options, rule):
    with pytest.raises(ValueError, match=rule):
        agcn(SHAPES["ntu60"], **options)

"""The fast networks against the most direct formulation: outputs, gradients, statistics."""

import pytest
import torch

from models.graphs import digraph
from models.published import LAYOUTS, load_published
from models.skeletons import COCO17
from tests.benchmarks.straightforward_ctrgcn import StraightforwardCTRGCN
from tests.benchmarks.straightforward_stgcn import StraightforwardSTGCN

CLASSES = 5
MDRGCN = {"attention": True, "pair": "add", "kernels": (3, 5)}
CASES = {  # name of ours, options of ours, options of the direct formulation
    "stgcn": ("stgcn", {"graph": "digraph", "dropout": 0.0}, {}),
    "ctrgcn": ("ctrgcn", {}, {}),
    "mdrgcn": ("mdrgcn", {}, MDRGCN),
    "mdrgcn by subtraction": ("mdrgcn", {"pair": "sub"}, MDRGCN | {"pair": "sub"}),
    "mdrgcn with three kernels": ("mdrgcn", {}, MDRGCN | {"kernels": (3, 5, 7)}),
    "mdrgcn with the activation last": (
        "mdrgcn",
        {"head_order": "conv_act", "activation": "sigmoid"},
        MDRGCN | {"head_order": "conv_act", "activation": torch.sigmoid},
    ),
    "mdrgcn with hardswish": (
        "mdrgcn",
        {"activation": "hardswish"},
        MDRGCN | {"activation": torch.nn.functional.hardswish},
    ),
}


def direct(name, **options):
    adjacency = digraph(COCO17.edges, COCO17.num_joints)
    torch.manual_seed(0)
    if name == "stgcn":
        model = StraightforwardSTGCN(CLASSES, adjacency, width=8, dropout=0.0, **options)
    else:
        model = StraightforwardCTRGCN(CLASSES, 2, adjacency, width=8, **options)
    for parameter in model.double().parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def both(case):
    name, options, direct_options = CASES[case]
    theirs = direct(name, **direct_options)
    ours = load_published(name, theirs.state_dict(), skeleton="coco17", **options)
    return name, ours.double(), theirs


def clips():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 3, 9, COCO17.num_joints, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_outputs_gradients_and_statistics_are_those_of_the_direct_formulation(case, training):
    name, ours, theirs = both(case)
    outputs = ours.train(training)(clips()).scores, theirs.train(training)(clips())

    for output in outputs:
        output.logsumexp(1).sum().backward()

    torch.testing.assert_close(*outputs, atol=1e-10, rtol=1e-10)
    _assert_same(name, _gradients(ours), dict(_gradients(theirs).named_parameters()))
    _assert_same(name, ours, dict(theirs.named_buffers()))


@torch.no_grad()
def _gradients(model):
    """The model with every parameter replaced by its gradient."""
    for parameter in model.parameters():
        parameter.copy_(parameter.grad)
    return model


def _assert_same(name, ours, expected):
    places = {slot.key: slot.target for slot in LAYOUTS[name].slots(ours)}
    largest = max(tensor.abs().max().item() for tensor in expected.values())
    for key, tensor in expected.items():
        torch.testing.assert_close(
            places[key].reshape(tensor.shape), tensor, atol=1e-10 * largest, rtol=1e-10, msg=key
        )

"""Parameters and multiply-accumulates of the published networks and their variants."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models import MODELS
from tests.models.golden import input_shape

SHAPES = {
    "ntu60": input_shape("ntu25", num_classes=60, num_frames=64, num_persons=2),
    "gym99": input_shape("coco17", num_classes=99, num_frames=64, num_persons=1),
    "fsd10": input_shape("body25", num_classes=10, num_frames=256, num_persons=1),
}
SA_GC = {"graph_conv": "sa_gc", "cvsta": False}
LEARNABLE_JOINT = {"graph_conv": "learnable", "cvsta": False, "joint_attention": True}
CTR_GC_JOINT = {"cvsta": False, "joint_attention": True}
PARAMETERS = [
    ("ctrgcn", {}, (1_446_672, 1_446_417, 1_433_672)),
    ("ctrgcn", {"cvsta": True}, (1_608_096, 1_607_841, 1_595_096)),
    ("ctrgcn", {"temporal_kernels": (3, 5)}, (1_814_160, 1_813_905, 1_801_160)),
    ("ctrgcn", {"rel_reduction": 16}, (1_331_808, None, None)),
    ("ctrgcn", {"rel_reduction": 4}, (1_676_400, None, None)),
    ("ctrgcn", {"rel_reduction": 2}, (2_135_856, None, None)),
    ("ctrgcn", {"rel_reduction": 1}, (3_054_768, None, None)),
    ("mdrgcn", {}, (1_975_584, 1_975_329, 1_962_584)),
    ("mdrgcn", {"cvsta_ratio": 16}, (1_782_936, 1_782_681, 1_769_936)),
    ("mdrgcn", {"cvsta_ratio": 4}, (2_360_880, 2_360_625, 2_347_880)),
    ("mdrgcn", {"cvsta_ratio": 2}, (3_131_472, 3_131_217, 3_118_472)),
    ("mdrgcn", {"cvsta_ratio": 1}, (4_672_656, 4_672_401, 4_659_656)),
    ("mdrgcn", {"c_mid": "equal"}, (4_672_656, 4_672_401, 4_659_656)),
    ("mdrgcn", {"c_mid": "const"}, (1_738_392, 1_738_137, 1_725_392)),
    ("mdrgcn", {"temporal_kernels": (5,)}, (1_608_096, 1_607_841, 1_595_096)),
    ("mdrgcn", {"temporal_kernels": (3,)}, (1_542_560, 1_542_305, 1_529_560)),
    ("mdrgcn", {"temporal_kernels": (3, 5, 7)}, (2_474_144, 2_473_889, 2_461_144)),
    ("mdrgcn", {"cvsta": False}, (1_814_160, 1_813_905, 1_801_160)),
    ("mdrgcn", SA_GC, (1_729_124, 1_728_869, 1_716_124)),
    ("mdrgcn", CTR_GC_JOINT, (2_017_456, 2_017_201, 2_004_456)),
    # the published count has an unused scalar in each of the ten layers
    ("mdrgcn", LEARNABLE_JOINT, (1_781_776 - 10, 1_781_521 - 10, 1_768_776 - 10)),
]
LAYER_PARAMETERS = {
    "ctrgcn": (12052, *[26308] * 3, 78084, *[97844] * 2, 301748, *[382228] * 2),
    "mdrgcn": (19828, *[35548] * 3, 106268, *[133732] * 2, 412388, *[523636] * 2),
}
MACS = [  # 10^9; the vectors of CTR-GC and CVSTA are pooled before they are convolved
    ("agcn", {}, 4.140),
    ("ctrgcn", {}, 1.769),
    ("ctrgcn", {"cvsta": True}, 1.881),
    ("mdrgcn", {}, 2.336),
    ("mdrgcn", SA_GC, 2.263),
    ("mdrgcn", LEARNABLE_JOINT, 2.126),
    ("stgcn", {}, 3.646),
    ("stgcn", {"num_layers": 9}, 3.474),
]


def build(name, shape, **options):
    with torch.device("meta"):
        return MODELS[name](shape, **options)


def num_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("name", "options", "expected"), PARAMETERS)
def test_a_variant_has_the_published_number_of_parameters(name, options, expected):
    counts = [num_parameters(build(name, shape, **options)) for shape in SHAPES.values()]

    known = [(count, value) for count, value in zip(counts, expected, strict=True) if value]
    assert all(count == value for count, value in known), known


@pytest.mark.parametrize("name", LAYER_PARAMETERS)
def test_every_layer_has_the_published_number_of_parameters(name):
    network = build(name, SHAPES["ntu60"])

    assert tuple(num_parameters(layer) for layer in network.layers) == LAYER_PARAMETERS[name]
    assert num_parameters(network.data_norm) == 300
    assert num_parameters(network.classifiers) == 15420


@pytest.mark.parametrize(("name", "options", "giga_macs"), MACS)
def test_a_clip_costs_the_published_macs(name, options, giga_macs):
    network = build(name, SHAPES["ntu60"], **options).eval()

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, 64, 25, 2, device="meta"))

    assert counter.get_total_flops() / 2e9 == pytest.approx(giga_macs, abs=6e-4)

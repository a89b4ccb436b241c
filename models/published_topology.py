"""The published layout of CTR-GCN and MDR-GCN.

A subset's convolutions: conv1 the first pooled vector q, conv2 the second one p_s (CVSTA's spatial
vector as well), conv3 the features, conv4 the topology head W_g; MDR-GCN adds conv6, the temporal
vector p_t, and conv7, the attention head W_a.
"""

from collections.abc import Iterator

from torch import nn

from models.backbone import SkeletonNetwork, SpatialTemporalLayer
from models.published_slots import (
    Slot,
    layer,
    norm,
    pointwise,
    projection,
    same,
    subset_pointwise,
    temporal_branches,
)
from models.temporal import MultiScaleTemporalConv
from models.topology import TopologyGraphConv, TopologyUnit


def topology_slots(model: nn.Module) -> Iterator[Slot]:
    """Graph convolutions and attentions of other papers have no place in it."""
    assert isinstance(model, SkeletonNetwork)
    yield from norm("data_bn", model.data_norm.norm)
    for number, block in enumerate(model.layers, 1):
        assert isinstance(block, SpatialTemporalLayer)
        yield from _unit(f"l{number}.gcn1", block.spatial)
        yield from _temporal(f"l{number}", block.temporal)
        yield from projection(f"l{number}.residual", block.residual, ("conv", "bn"))
    yield from layer("fc", model.classifiers["main"])


def _unit(key: str, unit: nn.Module) -> Iterator[Slot]:
    assert isinstance(unit, TopologyUnit)
    if isinstance(unit.conv, TopologyGraphConv):
        yield from _graph_conv(key, unit.conv)
    yield from projection(f"{key}.down", unit.shortcut)
    yield from norm(f"{key}.bn", unit.norm)


def _graph_conv(key: str, conv: TopologyGraphConv) -> Iterator[Slot]:
    yield same(f"{key}.PA", conv.adjacency)
    yield same(f"{key}.alpha", conv.alpha.flatten())
    for subset in range(conv.num_subsets):
        yield from _subset(f"{key}.convs.{subset}", conv, subset)


def _subset(key: str, conv: TopologyGraphConv, subset: int) -> Iterator[Slot]:
    subsets = conv.num_subsets
    vectors = conv.joint_vectors
    yield from pointwise(f"{key}.conv1", vectors, subset, vectors.copies)
    yield from pointwise(f"{key}.conv2", vectors, subsets + subset, vectors.copies)
    yield from pointwise(f"{key}.conv3", conv.features, subset, subsets)
    yield from subset_pointwise(f"{key}.conv4", conv.topology_head, subset)
    if conv.options.cvsta:
        yield from pointwise(f"{key}.conv6", conv.frame_vectors, subset, subsets)
        yield from subset_pointwise(f"{key}.conv7", conv.attention_head, subset)


def _temporal(key: str, temporal: nn.Module) -> Iterator[Slot]:
    """One MS-TCN a kernel; an attention may follow."""
    conv = temporal[0] if isinstance(temporal, nn.Sequential) else temporal
    assert isinstance(conv, MultiScaleTemporalConv)
    for kernel in range(conv.num_kernels):
        yield from temporal_branches(f"{key}.tcn{kernel + 1}", conv, kernel)

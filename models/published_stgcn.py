"""The published layout of ST-GCN: one adjacency, which ours keeps in every layer."""

from collections.abc import Iterator

from torch import nn

from models.backbone import SkeletonNetwork, SpatialTemporalLayer
from models.published_slots import Slot, layer, norm, pointwise, projection, same
from models.stgcn import PartitionedGraphConv, TemporalUnit


def stgcn_slots(model: nn.Module) -> Iterator[Slot]:
    assert isinstance(model, SkeletonNetwork)
    yield from norm("data_bn", model.data_norm.norm)
    for number, block in enumerate(model.layers):
        assert isinstance(block, SpatialTemporalLayer)
        yield from _spatial(number, block.spatial)
        yield from _temporal(f"st_gcn_networks.{number}.tcn", block.temporal)
        yield from projection(f"st_gcn_networks.{number}.residual", block.residual)
    yield from pointwise("fcn", model.classifiers["main"])


def _spatial(number: int, conv: nn.Module) -> Iterator[Slot]:
    assert isinstance(conv, PartitionedGraphConv)
    yield same("A", conv.adjacency)
    if conv.importance is not None:
        yield same(f"edge_importance.{number}", conv.importance)
    yield from pointwise(f"st_gcn_networks.{number}.gcn.conv", conv.features)


def _temporal(key: str, unit: nn.Module) -> Iterator[Slot]:
    assert isinstance(unit, TemporalUnit)
    yield from norm(f"{key}.0", unit.entry_norm)
    yield from layer(f"{key}.2", unit.conv)
    yield from norm(f"{key}.3", unit.exit_norm)

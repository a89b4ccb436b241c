"""The published layouts of MS-G3D and DualHead-Net: a block is `gcn3d`, `sgcn` and `tcn`."""

from collections.abc import Iterator

from torch import nn

from models.backbone import SkeletonNetwork
from models.dualhead_network import DualHeadNetwork, Stage
from models.g3d import WindowGraphConv
from models.multiscale import MultiScaleGraphConv
from models.multiscale_temporal import MultiScaleTemporal
from models.published_slots import Slot, layer, norm, pointwise, projection, temporal_branches
from models.stgc import SpatialTemporalBlock


def msg3d_slots(model: nn.Module) -> Iterator[Slot]:
    assert isinstance(model, SkeletonNetwork)
    yield from norm("data_bn", model.data_norm.norm)
    for number, block in enumerate(model.layers, 1):
        yield from _block(str(number), block)
    yield from layer("fc", model.classifiers["main"])


def dualhead_slots(model: nn.Module) -> Iterator[Slot]:
    assert isinstance(model, DualHeadNetwork)
    yield from norm("data_bn", model.data_norm.norm)
    yield from _block("1", model.body.backbone)
    if not isinstance(model.body.embed, nn.Identity):
        yield from pointwise("embed_fine", model.body.embed)
    for number, stage in enumerate(model.body.stages, 2):
        assert isinstance(stage, Stage)
        yield from _stage(number, stage)
    for head in ("fine", "coarse"):
        yield from layer(f"fc_{head}", model.classifiers[head])


def _stage(number: int, stage: Stage) -> Iterator[Slot]:
    yield from _block(f"{number}_fine", stage.fine)
    yield from _block(f"{number}_coarse", stage.coarse)
    if stage.frames is not None:
        key = f"conv_ta_fine_to_coarse_block_{number}_to_{number - 1}"
        yield from layer(key, stage.frames.conv)
    if stage.joints is not None:
        key = f"conv_sa_coarse_to_fine_block_{number}_to_{number}"
        yield from layer(key, stage.joints.conv)


def _block(name: str, block: nn.Module) -> Iterator[Slot]:
    assert isinstance(block, SpatialTemporalBlock)
    for number, window in enumerate(block.windows):
        assert isinstance(window, WindowGraphConv)
        yield from _window(f"gcn3d{name}.gcn3d.{number}", window)
    spatial, *temporal = block.factorised
    assert isinstance(spatial, MultiScaleGraphConv)
    yield from _graph_conv(f"sgcn{name}.0", spatial)
    for number, module in enumerate(temporal, 1):
        yield from _temporal(f"sgcn{name}.{number}", module)
    yield from _temporal(f"tcn{name}", block.tail)


def _window(key: str, window: WindowGraphConv) -> Iterator[Slot]:
    """Inputs of the collapse are frame-major here, (C', W*E); (C', E, 1, W, 1) there."""
    yield from _graph_conv(f"{key}.gcn3d.1", window)
    out_channels, frames = window.collapse.out_features, window.window
    weight = window.collapse.weight.view(out_channels, frames, -1).transpose(1, 2)
    embed_channels = weight.shape[1]
    shape = (out_channels, embed_channels, 1, frames, 1)
    yield Slot(f"{key}.out_conv.weight", shape, weight)
    yield Slot(f"{key}.out_conv.bias", (out_channels,), window.collapse.bias)
    yield from norm(f"{key}.out_bn", window.out_norm)


def _graph_conv(key: str, conv: MultiScaleGraphConv | WindowGraphConv) -> Iterator[Slot]:
    """Scales are the rows of one matrix there."""
    mask = conv.adjacency.mask
    if mask is not None:
        yield Slot(f"{key}.A_res", (mask[..., 0].numel(), mask.shape[-1]), mask)
    yield from pointwise(f"{key}.mlp.layers.0", conv.mix)
    yield from norm(f"{key}.mlp.layers.1", conv.norm)


def _temporal(key: str, temporal: nn.Module) -> Iterator[Slot]:
    assert isinstance(temporal, MultiScaleTemporal)
    yield from temporal_branches(key, temporal)
    yield from projection(f"{key}.residual", temporal.residual, ("conv", "bn"))

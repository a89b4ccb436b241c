"""Weights of the straightforward MS-G3D and DualHead-Net in the layout of ours.

From the published keys to ours; what we fuse is concatenated, what we order otherwise permuted.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

State = dict[str, Tensor]
NORM = ("weight", "bias", "running_mean", "running_var")


def msg3d_weights(published: Mapping[str, Tensor]) -> State:
    return (
        under("data_norm.norm", part(published, "data_bn"))
        | under("classifiers.main", part(published, "fc"))
        | blocks(published, {str(number): f"layers.{number - 1}" for number in (1, 2, 3)})
    )


def dualhead_weights(published: Mapping[str, Tensor]) -> State:
    places = {"1": "body.backbone"}
    for head in ("fine", "coarse"):
        places |= {f"{stage}_{head}": f"body.stages.{stage - 2}.{head}" for stage in (2, 3)}
    state = under("data_norm.norm", part(published, "data_bn")) | blocks(published, places)
    for head in ("fine", "coarse"):
        state |= under(f"classifiers.{head}", part(published, f"fc_{head}"))
    state |= under("body.embed", linear(part(published, "embed_fine")))
    for stage in (2, 3):
        place = f"body.stages.{stage - 2}"
        frames = part(published, f"conv_ta_fine_to_coarse_block_{stage}_to_{stage - 1}")
        joints = part(published, f"conv_sa_coarse_to_fine_block_{stage}_to_{stage}")
        state |= under(f"{place}.frames.conv", frames) | under(f"{place}.joints.conv", joints)
    return state


def blocks(published: Mapping[str, Tensor], places: Mapping[str, str]) -> State:
    """The blocks by the ends of their published names and their places in ours."""
    state: State = {}
    for name, place in places.items():
        block = under("tail", temporal(part(published, f"tcn{name}")))
        block |= under("factorised.0", graph_conv(part(published, f"sgcn{name}.0")))
        for number in (1, 2):
            published_temporal = part(published, f"sgcn{name}.{number}")
            block |= under(f"factorised.{number}", temporal(published_temporal))
        for number, window in enumerate(parts(published, f"gcn3d{name}.gcn3d")):
            block |= under(f"windows.{number}", window_conv(window))
        state |= under(place, block)
    return state


def graph_conv(published: Mapping[str, Tensor]) -> State:
    mask = published["A_res"]
    return (
        {"adjacency.mask": mask.view(-1, mask.shape[1], mask.shape[1])}
        | under("mix", linear(part(published, "mlp.layers.0")))
        | under("norm", norm(part(published, "mlp.layers.1")))
    )


def window_conv(published: Mapping[str, Tensor]) -> State:
    collapse = published["out_conv.weight"][:, :, 0, :, 0]  # output, channel, frame
    return (
        graph_conv(part(published, "gcn3d.1"))
        | {"collapse.weight": collapse.transpose(1, 2).flatten(1)}
        | {"collapse.bias": published["out_conv.bias"]}
        | under("out_norm", norm(part(published, "out_bn")))
    )


def temporal(published: Mapping[str, Tensor]) -> State:
    *convolved, pooled, shortcut = parts(published, "branches")
    entries = [*convolved, pooled]
    exits = [part(branch, "3.bn") for branch in convolved] + [part(pooled, "4")]
    state = (
        under("entry", linear(*(part(branch, "0") for branch in entries)))
        | under("entry_norm", norm(*(part(branch, "1") for branch in entries)))
        | under("shortcut", linear(part(shortcut, "0")))
        | under("exit_norm", norm(*exits, part(shortcut, "1")))
    )
    for number, branch in enumerate(convolved):
        state |= under(f"convs.{number}", part(branch, "3.conv"))
    if "residual.conv.weight" in published:
        state |= under("residual.0", linear(part(published, "residual.conv")))
        state |= under("residual.1", norm(part(published, "residual.bn")))
    return state


def linear(*convs: Mapping[str, Tensor]) -> State:
    """1x1 convolutions of one input as one linear layer."""
    if not all(convs):
        return {}
    weight = torch.cat([conv["weight"].flatten(1) for conv in convs])
    return {"weight": weight, "bias": torch.cat([conv["bias"] for conv in convs])}


def norm(*norms: Mapping[str, Tensor]) -> State:
    """Batch norms side by side as one."""
    counter = {"num_batches_tracked": norms[0]["num_batches_tracked"]}
    return {name: torch.cat([part[name] for part in norms]) for name in NORM} | counter


def part(state: Mapping[str, Tensor], prefix: str) -> State:
    """What is under a prefix, without it."""
    start = f"{prefix}."
    return {key.removeprefix(start): x for key, x in state.items() if key.startswith(start)}


def parts(state: Mapping[str, Tensor], prefix: str) -> list[State]:
    """What is under prefix.0, prefix.1, ..."""
    numbers = {key.split(".")[0] for key in part(state, prefix)}
    return [part(state, f"{prefix}.{number}") for number in sorted(numbers, key=int)]


def under(prefix: str, state: Mapping[str, Tensor]) -> State:
    return {f"{prefix}.{key}": x for key, x in state.items()}

"""From stored frames to the input of a model: centring, augmentation, normalisation, stream.

Shapes: n clips, C channels, D of them coordinates, T frames, M persons, V joints. Poses are
(n, T, M, V, C), as they are stored; behind the map they are (n, C, T, M, V). `presence` is
(n, 1, T, M, V): 1 for a present joint, 0 for an absent one, and between where two frames blend.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from data.dataset import DatasetInfo
from data.frames import Poses
from data.plan import Plan
from data.streams import to_stream
from data.transform import ClipTransform, num_coordinates


class Taken(NamedTuple):
    """The poses of a plan's bodies."""

    low: Poses
    high: Poses | None

    def pinned(self) -> Taken:
        return Taken._make(poses and poses.pinned() for poses in self)

    def to(self, device: torch.device) -> Taken:
        return Taken._make(poses and poses.to(device) for poses in self)


def compose(taken: Taken, plan: Plan, transform: ClipTransform, info: DatasetInfo) -> Tensor:
    """The model's input (n, C, T, V, M), contiguous; overwrites the low poses."""
    ends = _weighted_ends(taken, plan)
    presences = [_presence(poses, weight) for poses, weight in ends]
    frame_origins = [_origins_of_frames(poses, info) for poses, _ in ends]
    x = _blended(taken, plan)
    if plan.mirrored is not None:
        swapped = _swapped_joints(info)
        x = torch.where(plan.mirrored, x[:, :, :, swapped], x)
        presences = [_mirror(presence, plan.mirrored, swapped) for presence in presences]
    presence = presences[0] if len(presences) == 1 else presences[0] + presences[1]
    y = _mapped(plan.maps, x)
    if transform.normalize == "center_frames":
        _centre(y, plan.maps, frame_origins, presences)
    elif transform.normalize != "none":
        _centre(y, plan.maps, [plan.origins], [presence])
    if plan.extremes is not None:
        factor, offset = _unit_range(plan.maps, plan.extremes)
        y.mul_(factor).addcmul_(offset, presence)
    if plan.moves is not None:
        y = _moved(y, plan.moves, presence, shifting=transform.normalize != "center_frames")
    if info.has_score:
        y = torch.cat([y, x[..., -1:].movedim(4, 1)], dim=1)
    if plan.kept is not None:
        y.mul_(plan.kept)
    mean_score = info.has_score and transform.score_of_differences == "mean"
    y = to_stream(
        y.transpose(3, 4),
        transform.stream,
        info.edges,
        hops=transform.bone_hops,
        mean_score=mean_score,
    )
    return y.contiguous()


def apply_maps(maps: Tensor, x: Tensor) -> Tensor:
    """maps (n, D, D) times x (n, D, ...), as a sum of products."""
    columns = maps.view(*maps.shape, *[1] * (x.ndim - 2)).unbind(dim=2)
    y = columns[0] * x[:, :1]
    for channel, column in enumerate(columns[1:], start=1):
        y.addcmul_(column, x[:, channel : channel + 1])
    return y


def _mapped(maps: Tensor, x: Tensor) -> Tensor:
    """The coordinates of poses (n, T, M, V, C), turned: (n, D, T, M, V)."""
    points = x.flatten(1, 3)[..., : maps.shape[1]].transpose(1, 2)
    # a matrix product on a GPU may be in TF32, which must not reach the data
    y = maps @ points if x.device.type == "cpu" else apply_maps(maps, points)
    return y.view(*y.shape[:2], *x.shape[1:4])


def _centre(y: Tensor, maps: Tensor, origins: list[Tensor], parts: list[Tensor]) -> None:
    """Move the origins (n, D, ...), turned like y, to zero where joints are present."""
    for origin, part in zip(origins, parts, strict=True):
        y.addcmul_(apply_maps(maps, origin), part, value=-1)


def _weighted_ends(taken: Taken, plan: Plan) -> list[tuple[Poses, Tensor | None]]:
    """What the output frames lie between, with the weight of each, (n, 1, T, 1, 1)."""
    if taken.high is None or plan.weight is None:
        return [(taken.low, plan.inside)]
    return [(taken.low, 1 - plan.weight), (taken.high, plan.weight)]


def _blended(taken: Taken, plan: Plan) -> Tensor:
    """The output frames (n, T, M, V, C), padding at zero."""
    x = taken.low.x
    if taken.high is not None and plan.weight is not None:
        x.lerp_(taken.high.x, plan.weight.movedim(2, 1))
    return x if plan.inside is None else x.mul_(plan.inside.movedim(2, 1))


def _presence(poses: Poses, weight: Tensor | None) -> Tensor:
    if poses.present is None:
        return torch.ones((1,) * 5, device=poses.x.device) if weight is None else weight
    presence = poses.present[:, None].float()
    return presence if weight is None else presence.mul_(weight)


def _origins_of_frames(poses: Poses, info: DatasetInfo) -> Tensor:
    """The first person's origin joint in every frame, (n, D, T, 1, 1)."""
    origins = poses.x[:, :, 0, info.origin_joint, : num_coordinates(info)]
    return origins.transpose(1, 2)[..., None, None].clone()


def _swapped_joints(info: DatasetInfo) -> list[int]:
    """Of every joint the one on the other side, or itself."""
    swapped = list(range(info.num_joints))
    for left, right in info.mirrored:
        swapped[left], swapped[right] = right, left
    return swapped


def _mirror(presence: Tensor, mirrored: Tensor, swapped: list[int]) -> Tensor:
    presence = presence.expand(*presence.shape[:-1], len(swapped))
    return torch.where(mirrored, presence[..., swapped], presence)


def _unit_range(maps: Tensor, extremes: Tensor) -> tuple[Tensor, Tensor]:
    """Factor and offset (n, D, 1, 1, 1) that bring every axis of the mapped clip to [-1, 1]."""
    low, high = apply_maps(maps, extremes).aminmax(dim=-1, keepdim=True)
    factor = torch.where(high > low, 2 / (high - low), 0.0)
    return factor, torch.where(high > low, -1 - factor * low, 0.0)


def _moved(y: Tensor, moves: Tensor, presence: Tensor, *, shifting: bool) -> Tensor:
    """x and y turned, grown and, where present, shifted by `geometry.movements`."""
    cos, sin, right, up = moves[:, :, None, :, None, None].unbind(1)
    x_axis, y_axis, others = y[:, :1], y[:, 1:2], y[:, 2:]
    moved = [cos * x_axis - sin * y_axis, sin * x_axis + cos * y_axis]
    if shifting:
        moved = [moved[0] + right * presence, moved[1] + up * presence]
    return torch.cat([*moved, others], dim=1)

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
    presence = _blended_presence(taken, plan)
    anchors = [] if transform.normalize == "none" else [(plan.origins, presence)]
    if transform.normalize == "center_frames":
        anchors = _anchors_of_frames(taken, plan, info)
    x = _blended(taken, plan)
    if plan.mirrored is not None:
        swapped = _swapped_joints(info)
        x = torch.where(plan.mirrored, x[:, :, :, swapped], x)
        presence = _mirror(presence, plan.mirrored, swapped)
        anchors = [(origin, _mirror(part, plan.mirrored, swapped)) for origin, part in anchors]
    y = _mapped(plan.maps, x)
    for origin, part in anchors:
        y.addcmul_(apply_maps(plan.maps, origin), part, value=-1)
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
    return _persons_last(y.transpose(3, 4))


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


def _anchors_of_frames(taken: Taken, plan: Plan, info: DatasetInfo) -> list[tuple[Tensor, Tensor]]:
    """What goes to zero in the frames at either end: the first person's origin joint
    (n, D, T, 1, 1), and how much of each joint goes with it."""
    ends = [(taken.low, plan.inside)]
    if taken.high is not None and plan.weight is not None:
        ends = [(taken.low, 1 - plan.weight), (taken.high, plan.weight)]
    anchors = []
    for poses, weight in ends:
        origin = poses.x[:, :, 0, info.origin_joint, : num_coordinates(info)].transpose(1, 2)
        part = _presence(poses)
        anchors.append((origin[..., None, None].clone(), part if weight is None else part * weight))
    return anchors


def _blended_presence(taken: Taken, plan: Plan) -> Tensor:
    presence = _presence(taken.low)
    if taken.high is not None and plan.weight is not None:
        return presence.lerp(_presence(taken.high), plan.weight)
    return presence if plan.inside is None else presence * plan.inside


def _blended(taken: Taken, plan: Plan) -> Tensor:
    """The output frames (n, T, M, V, C), padding at zero."""
    x = taken.low.x
    if taken.high is not None and plan.weight is not None:
        x.lerp_(taken.high.x, plan.weight.movedim(2, 1))
    return x if plan.inside is None else x.mul_(plan.inside.movedim(2, 1))


def _presence(poses: Poses) -> Tensor:
    if poses.present is None:
        return torch.ones((1,) * 5, device=poses.x.device)
    return poses.present[:, None].float()


def _persons_last(y: Tensor) -> Tensor:
    """(n, C, T, M, V) to (n, C, T, V, M), contiguous: twice as fast as to copy the transposed."""
    *outer, num_persons, num_joints = y.shape
    if num_persons == 1:
        return y.transpose(3, 4).contiguous()
    order = torch.arange(num_persons * num_joints, device=y.device).view(num_persons, num_joints)
    joints = y.reshape(-1, order.numel()).index_select(1, order.t().flatten())
    return joints.view(*outer, num_joints, num_persons)


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

"""Linear maps and movements of the augmentations; n clips, D = 2 or 3 coordinates, T frames."""

from __future__ import annotations

import torch
from torch import Tensor

from data.draws import Draws
from data.transform import ClipTransform

MOVE_DEGREES = (-10.0, -5.0, 0.0, 5.0, 10.0)
MOVE_SCALES = (0.9, 1.0, 1.1)
MOVE_SHIFTS = (-0.2, -0.1, 0.0, 0.1, 0.2)


def linear_maps(
    num_clips: int, num_coordinates: int, transform: ClipTransform, draws: Draws | None
) -> Tensor:
    """Scale, rotation, shear and mirror of every clip, (n, D, D) float32; the identity in
    evaluation. The mirror comes first and the rotation last."""
    identity = torch.eye(num_coordinates, dtype=torch.float64)
    if draws is None:
        return identity.float().repeat(num_clips, 1, 1)
    low, high = transform.scale
    maps = (low + (high - low) * draws.scale)[:, None, None] * identity
    if any(transform.rotation_deg):
        largest = torch.tensor(transform.rotation_deg, dtype=torch.float64).deg2rad()
        rotations = rotation_matrices((2 * draws.angles - 1) * largest)
        maps = maps @ rotations[:, :num_coordinates, :num_coordinates]
    if transform.shear:
        maps = maps @ _shears((2 * draws.shear - 1) * transform.shear, num_coordinates)
    if transform.mirror:
        maps[:, :, 0] *= torch.where(draws.mirror < transform.mirror, -1, 1)[:, None]
    return maps.float()


def rotation_matrices(angles: Tensor) -> Tensor:
    """Rz Ry Rx of angles (n, 3) in radians about x, y, z, with the signs of CTR-GCN: (n, 3, 3)."""
    cos, sin = angles.cos().unbind(1), angles.sin().unbind(1)
    one, zero = torch.ones_like(cos[0]), torch.zeros_like(cos[0])

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, dim=1).view(-1, 3, 3)

    about_x = matrix(one, zero, zero, zero, cos[0], sin[0], zero, -sin[0], cos[0])
    about_y = matrix(cos[1], zero, -sin[1], zero, one, zero, sin[1], zero, cos[1])
    about_z = matrix(cos[2], sin[2], zero, -sin[2], cos[2], zero, zero, zero, one)
    return about_z @ about_y @ about_x


def _shears(entries: Tensor, num_coordinates: int) -> Tensor:
    """Ones on the diagonal, the first of the entries (n, 6) beside it, row by row."""
    beside = ~torch.eye(num_coordinates, dtype=torch.bool)
    shears = torch.eye(num_coordinates, dtype=torch.float64).repeat(len(entries), 1, 1)
    shears[:, beside] = entries[:, : int(beside.sum())]
    return shears


def movements(clip_len: int, draws: Draws) -> Tensor:
    """The random move of ST-GCN (Yan et al., AAAI 2018), (n, 4, T) float32.

    Angle, scale and shift along x and y take one of a few values at either end of the clip and
    change evenly between; what is given of them is scale * cos, scale * sin, and both shifts.
    """
    choices = (MOVE_DEGREES, MOVE_SCALES, MOVE_SHIFTS, MOVE_SHIFTS)
    ends = [
        torch.tensor(values, dtype=torch.float64)[(drawn * len(values)).long()]
        for values, drawn in zip(choices, draws.move.unbind(2), strict=True)
    ]
    progress = torch.linspace(0, 1, clip_len, dtype=torch.float64)
    angle, scale, right, up = (end[:, :1].lerp(end[:, 1:], progress) for end in ends)
    angle = angle.deg2rad()
    return torch.stack([scale * angle.cos(), scale * angle.sin(), right, up], dim=1).float()

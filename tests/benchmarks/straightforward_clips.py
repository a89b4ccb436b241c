"""One clip at a time with the operations of the published pipeline for NTU RGB+D.

CTR-GCN and what builds on it: torch's interpolation resizes the crop, every frame is turned by a
matrix of its own, bones are made one after the other. They centre clips once, when a data set is
prepared, and pad them to 300 frames and two persons; here clips are centred in numpy, not padded.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from data.dataset import DatasetInfo
from data.draws import Draws
from data.transform import ClipTransform
from tests.data.per_sample import crop, find_origin


def transform_clip_as_published(
    skeleton: np.ndarray, info: DatasetInfo, transform: ClipTransform, draws: Draws, row: int
) -> np.ndarray:
    """skeleton (T, M, V, 3) to (3, clip_len, V, M), for training with crop_resize, rotation and a
    stream alone."""
    x = skeleton.astype(np.float32)
    present = (x != 0).any(axis=-1, keepdims=True)
    x = ((x - find_origin(x, present, info)) * present).transpose(3, 0, 2, 1)
    start, kept = crop(len(skeleton), transform, draws, row)
    x = _resize(torch.tensor(x[:, start : start + kept]), transform.clip_len)
    x = _rotate(
        x, torch.deg2rad(torch.tensor(transform.rotation_deg)) * (2 * draws.angles[row] - 1)
    )
    return _to_stream(x.numpy(), transform.stream, info)


def _resize(x: Tensor, clip_len: int) -> Tensor:
    channels, length, joints, persons = x.shape
    rows = x.permute(0, 2, 3, 1).contiguous().view(1, 1, -1, length)
    size = (rows.shape[2], clip_len)
    resized = interpolate(rows, size=size, mode="bilinear", align_corners=False)
    return resized.view(channels, joints, persons, clip_len).permute(0, 3, 1, 2).contiguous()


def _rotate(x: Tensor, angles: Tensor) -> Tensor:
    matrices = _matrices(torch.stack([angles] * x.shape[1])).float()
    frames = x.permute(1, 0, 2, 3).contiguous()
    turned = torch.matmul(matrices, frames.view(len(frames), 3, -1))
    return turned.view(frames.shape).permute(1, 0, 2, 3).contiguous()


def _matrices(angles: Tensor) -> Tensor:
    """Rz Ry Rx (T, 3, 3) of angles (T, 3) in radians."""
    (cx, cy, cz), (sx, sy, sz) = angles.cos().split(1, dim=1), angles.sin().split(1, dim=1)
    zero, one = torch.zeros_like(cx), torch.ones_like(cx)
    about_x = _stack((one, zero, zero), (zero, cx, sx), (zero, -sx, cx))
    about_y = _stack((cy, zero, -sy), (zero, one, zero), (sy, zero, cy))
    about_z = _stack((cz, sz, zero), (-sz, cz, zero), (zero, zero, one))
    return about_z.matmul(about_y).matmul(about_x)


def _stack(*rows: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([torch.cat(row, dim=-1) for row in rows], dim=1)


def _to_stream(x: np.ndarray, stream: str, info: DatasetInfo) -> np.ndarray:
    if stream.startswith("bone"):
        bone = np.zeros_like(x)
        for child, parent in info.edges:
            bone[:, :, child] = x[:, :, child] - x[:, :, parent]
        x = bone
    if stream.endswith("motion"):
        x[:, :-1] = x[:, 1:] - x[:, :-1]
        x[:, -1] = 0
    return x

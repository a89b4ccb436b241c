"""The pipeline written once more, plainly: one clip at a time, in numpy."""

import numpy as np

from data.dataset import DatasetInfo
from data.transform import ClipTransform, Draws


def transform_clip(
    skeleton: np.ndarray,
    info: DatasetInfo,
    transform: ClipTransform,
    draws: Draws | None = None,
    row: int = 0,
) -> np.ndarray:
    """skeleton (T, M, V, C) to (C, clip_len, V, M); `draws` is None in evaluation."""
    x = skeleton.astype(np.float32)
    present = (x != 0).any(axis=-1, keepdims=True)
    if transform.normalize == "center_frames":
        x = np.stack([frame - frame[0, info.origin_joint] for frame in x]) * present
    elif transform.normalize != "none":
        x = (x - _origin(x, present, info)) * present
    if draws is not None:
        x = x @ _linear_map(transform, draws, row).T
    if transform.normalize == "minmax":
        x = _to_unit_range(x, present)
    x = _sample(x, transform, draws, row)
    x = _stream(x, transform.stream, info)
    return np.ascontiguousarray(x.transpose(3, 0, 2, 1), dtype=np.float32)


def _origin(x: np.ndarray, present: np.ndarray, info: DatasetInfo) -> np.ndarray:
    for frame in range(len(x)):
        if present[frame, 0, info.origin_joint]:
            return x[frame, 0, info.origin_joint].copy()
    return np.zeros(x.shape[-1], dtype=x.dtype)


def _linear_map(transform: ClipTransform, draws: Draws, row: int) -> np.ndarray:
    angles = np.deg2rad(transform.rotation_deg) * (2 * draws.angles[row].numpy() - 1)
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    low, high = transform.scale
    scale = low + (high - low) * draws.scale[row].item()
    return (scale * about_z @ about_y @ about_x).astype(np.float32)


def _to_unit_range(x: np.ndarray, present: np.ndarray) -> np.ndarray:
    points = x[present[..., 0]]
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, np.float32(1))
    unit = np.where(high > low, (x - low) / span * 2 - 1, np.float32(0))
    return unit * present


def _sample(x: np.ndarray, transform: ClipTransform, draws: Draws | None, row: int) -> np.ndarray:
    if transform.sampling == "random_frames":
        return x[_frame_numbers(len(x), transform.clip_len, draws, row)]
    start, kept = _crop(len(x), transform, draws, row)
    return _resize(x[start : start + kept], transform.clip_len)


def _frame_numbers(length: int, clip_len: int, draws: Draws | None, row: int) -> list[int]:
    if draws is not None:
        return [int(u * length) for u in draws.frames[row].tolist()]
    return [i * (length - 1) // max(clip_len - 1, 1) for i in range(clip_len)]


def _crop(length: int, transform: ClipTransform, draws: Draws | None, row: int) -> tuple[int, int]:
    if draws is None:
        cut = int((1 - transform.eval_crop) * length / 2)
        return cut, length - 2 * cut
    low, high = transform.crop
    share = low + (high - low) * draws.share[row].item()
    kept = min(max(int(share * length), transform.crop_min_frames), length)
    return int(draws.start[row].item() * (length - kept + 1)), kept


def _resize(x: np.ndarray, clip_len: int) -> np.ndarray:
    place = np.clip((np.arange(clip_len) + 0.5) / clip_len * len(x) - 0.5, 0, len(x) - 1)
    low = place.astype(int)
    high = np.minimum(low + 1, len(x) - 1)
    weight = (place - low).astype(np.float32)[:, None, None, None]
    return x[low] + weight * (x[high] - x[low])


def _stream(x: np.ndarray, stream: str, info: DatasetInfo) -> np.ndarray:
    if stream.startswith("bone"):
        bone = np.zeros_like(x)
        for child, parent in info.edges:
            bone[:, :, child] = x[:, :, child] - x[:, :, parent]
        x = bone
    if stream.endswith("motion"):
        x = np.concatenate([x[1:] - x[:-1], np.zeros_like(x[:1])])
    return x

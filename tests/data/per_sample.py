"""The pipeline written once more, plainly: one clip at a time, in numpy."""

import numpy as np

from data.dataset import DatasetInfo
from data.draws import Draws
from data.geometry import MOVE_DEGREES, MOVE_SCALES, MOVE_SHIFTS
from data.transform import ClipTransform


def transform_clip(
    skeleton: np.ndarray,
    info: DatasetInfo,
    transform: ClipTransform,
    draws: Draws | None = None,
    row: int = 0,
    lost: np.ndarray | None = None,
) -> np.ndarray:
    """skeleton (T, M, V, C) to (C, clip_len, V, M); `draws` is None in evaluation, `lost` is where
    noise has taken the value."""
    x = skeleton.astype(np.float32)
    present = (x != 0).any(axis=-1, keepdims=True)
    if lost is not None:
        x = np.where(lost, np.float32(0), x)
    if transform.sampling == "repeat_pad":
        x, present = _repeat(x, present, transform.clip_len)
    score = x[..., -1:] if info.has_score else x[..., :0]
    x = x[..., :-1] if info.has_score else x
    if transform.normalize == "center_frames":
        x = np.stack([frame - frame[0, info.origin_joint] for frame in x]) * present
    elif transform.normalize != "none":
        x = (x - find_origin(x, present, info)) * present
    if draws is not None:
        if draws.mirror[row] < transform.mirror:
            x, present, score = (_mirror(values, info) for values in (x, present, score))
            x = x * np.array([-1, 1, 1], dtype=np.float32)[: x.shape[-1]]
        x = x @ _linear_map(transform, draws, row, x.shape[-1]).T
    if transform.normalize == "minmax":
        x = _to_unit_range(x, present)
    x = np.concatenate([x, score], axis=-1)
    x = _sample(x, transform, draws, row)
    if draws is not None and transform.random_move:
        share = _sample(present.astype(np.float32), transform, draws, row)
        x = _move(x, share, transform, draws, row)
    if draws is not None and transform.joint_drop:
        x = x * (draws.joints[row].numpy() >= transform.joint_drop)[:, None]
    x = _stream(x, transform, info)
    return np.ascontiguousarray(x.transpose(3, 0, 2, 1), dtype=np.float32)


def _repeat(x: np.ndarray, present: np.ndarray, clip_len: int) -> tuple[np.ndarray, np.ndarray]:
    """Every body from its beginning to its last frame, over and over."""
    shape = (clip_len, *x.shape[1:])
    repeated, repeated_present = np.zeros(shape, x.dtype), np.zeros((*shape[:-1], 1), bool)
    for person in range(x.shape[1]):
        seen = np.flatnonzero(present[:, person].any(axis=(1, 2)))
        if len(seen):
            frames = [frame % (seen[-1] + 1) for frame in range(clip_len)]
            repeated[:, person] = x[frames, person]
            repeated_present[:, person] = present[frames, person]
    return repeated, repeated_present


def find_origin(x: np.ndarray, present: np.ndarray, info: DatasetInfo) -> np.ndarray:
    for frame in range(len(x)):
        if present[frame, 0, info.origin_joint]:
            return x[frame, 0, info.origin_joint].copy()
    return np.zeros(x.shape[-1], dtype=x.dtype)


def _mirror(x: np.ndarray, info: DatasetInfo) -> np.ndarray:
    mirrored = x.copy()
    for left, right in info.mirrored:
        mirrored[:, :, left], mirrored[:, :, right] = x[:, :, right], x[:, :, left]
    return mirrored


def _linear_map(transform: ClipTransform, draws: Draws, row: int, size: int) -> np.ndarray:
    angles = np.deg2rad(transform.rotation_deg) * (2 * draws.angles[row].numpy() - 1)
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    low, high = transform.scale
    scale = low + (high - low) * draws.scale[row].item()
    rotation = (about_z @ about_y @ about_x)[:size, :size]
    if not transform.shear:
        return (scale * rotation).astype(np.float32)
    shear = np.eye(size)
    shear[shear == 0] = transform.shear * (2 * draws.shear[row, : size * (size - 1)].numpy() - 1)
    return (scale * rotation @ shear).astype(np.float32)


def _to_unit_range(x: np.ndarray, present: np.ndarray) -> np.ndarray:
    points = x[present[..., 0]]
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, np.float32(1))
    unit = np.where(high > low, (x - low) / span * 2 - 1, np.float32(0))
    return unit * present


def _sample(x: np.ndarray, transform: ClipTransform, draws: Draws | None, row: int) -> np.ndarray:
    if transform.sampling == "crop_resize":
        start, kept = crop(len(x), transform, draws, row)
        sampled = _resize(x[start : start + kept], transform.clip_len)
    elif transform.sampling == "window":
        sampled = _window(x, transform.clip_len, draws, row)
    elif transform.sampling == "repeat_pad":
        sampled = x
    elif transform.sampling == "uniform":
        sampled = x[_segment_frames(len(x), transform.clip_len, draws, row)]
    else:
        sampled = x[_frame_numbers(len(x), transform.clip_len, draws, row)]
    if draws is not None and draws.flip[row] < transform.temporal_flip:
        return sampled[::-1]
    return sampled


def _frame_numbers(length: int, clip_len: int, draws: Draws | None, row: int) -> list[int]:
    if draws is not None:
        return [int(u * length) for u in sorted(draws.frames[row].tolist())]
    return [i * (length - 1) // max(clip_len - 1, 1) for i in range(clip_len)]


def _segment_frames(length: int, clip_len: int, draws: Draws | None, row: int) -> list[int]:
    within = [0.5] * clip_len if draws is None else draws.frames[row].tolist()
    return [int((segment + u) * length / clip_len) for segment, u in enumerate(within)]


def _window(x: np.ndarray, clip_len: int, draws: Draws | None, row: int) -> np.ndarray:
    drawn = 0.0 if draws is None else draws.start[row].item()
    if len(x) <= clip_len:
        window = np.zeros((clip_len, *x.shape[1:]), dtype=x.dtype)
        first = int(drawn * (clip_len - len(x) + 1))
        window[first : first + len(x)] = x
        return window
    begin = int(drawn * (len(x) // clip_len + 1))
    return x[[min(begin + k * len(x) // clip_len, len(x) - 1) for k in range(clip_len)]]


def crop(length: int, transform: ClipTransform, draws: Draws | None, row: int) -> tuple[int, int]:
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


def _move(
    x: np.ndarray, share: np.ndarray, transform: ClipTransform, draws: Draws, row: int
) -> np.ndarray:
    """ST-GCN's random move; `share` (T, M, V, 1) says how much of a joint is there."""
    choices = (MOVE_DEGREES, MOVE_SCALES, MOVE_SHIFTS, MOVE_SHIFTS)
    at_ends = [
        [values[int(u * len(values))] for u in draws.move[row, :, column].tolist()]
        for column, values in enumerate(choices)
    ]
    degrees, scales, rights, ups = (np.linspace(*ends, len(x)) for ends in at_ends)
    moved = x.copy()
    for frame, angle in enumerate(np.deg2rad(degrees)):
        cos, sin = scales[frame] * np.cos(angle), scales[frame] * np.sin(angle)
        moved[frame, ..., 0] = cos * x[frame, ..., 0] - sin * x[frame, ..., 1]
        moved[frame, ..., 1] = sin * x[frame, ..., 0] + cos * x[frame, ..., 1]
        if transform.normalize != "center_frames":
            moved[frame, ..., 0] += rights[frame] * share[frame, ..., 0]
            moved[frame, ..., 1] += ups[frame] * share[frame, ..., 0]
    return moved


def _stream(x: np.ndarray, transform: ClipTransform, info: DatasetInfo) -> np.ndarray:
    if transform.stream.startswith("bone"):
        parents = dict(info.edges)
        bone = np.zeros_like(x)
        for joint in range(info.num_joints):
            ancestor = joint
            for _ in range(transform.bone_hops):
                ancestor = parents.get(ancestor, ancestor)
            bone[:, :, joint] = x[:, :, joint] - x[:, :, ancestor]
            if info.has_score:
                bone[:, :, joint, -1] = (x[:, :, joint, -1] + x[:, :, ancestor, -1]) / 2
        x = bone
    if transform.stream.endswith("motion"):
        motion = np.concatenate([x[1:] - x[:-1], np.zeros_like(x[:1])])
        if info.has_score:
            motion[:-1, ..., -1] = (x[1:, ..., -1] + x[:-1, ..., -1]) / 2
        x = motion
    return x

"""Which frames of a clip become the frames of a model's input."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from data.draws import Draws
from data.transform import ClipTransform


class Frames(NamedTuple):
    """Which frames of its clip make each output frame: low + weight * (high - low).

    low and high are (n, clip_len, 1), or (n, clip_len, M) where each body has frames of its own;
    weight is (n, clip_len). high and weight are None where the output frames are frames of the
    clip. inside (n, clip_len) is False where an output frame is padding, None without any.
    """

    low: Tensor
    high: Tensor | None = None
    weight: Tensor | None = None
    inside: Tensor | None = None


def sample_frames(
    lengths: Tensor, body_lengths: Tensor, transform: ClipTransform, draws: Draws | None
) -> Frames:
    """Frames of clips with these lengths (n,), whose bodies end after (n, M) frames, 0 for a body
    that never comes; `draws` is None in evaluation."""
    frames = _sample(lengths, body_lengths, transform, draws)
    if draws is None or not transform.temporal_flip:
        return frames
    backwards = draws.flip < transform.temporal_flip
    return Frames._make(None if part is None else _reverse(part, backwards) for part in frames)


def _sample(
    lengths: Tensor, body_lengths: Tensor, transform: ClipTransform, draws: Draws | None
) -> Frames:
    clip_len = transform.clip_len
    match transform.sampling:
        case "crop_resize":
            start, kept = _crop(lengths, transform, draws)
            return _resize(start, kept, clip_len)
        case "random_frames":
            return Frames(_pick_frames(lengths, clip_len, draws)[..., None])
        case "uniform":
            return Frames(_pick_in_segments(lengths, clip_len, draws)[..., None])
        case "window":
            return _window(lengths, clip_len, draws)
        case "repeat_pad":
            steps = torch.arange(clip_len)[:, None]
            return Frames(steps % body_lengths.clamp(min=1)[:, None])


def _reverse(frames: Tensor, backwards: Tensor) -> Tensor:
    return torch.where(backwards.view(-1, *[1] * (frames.ndim - 1)), frames.flip(1), frames)


def _crop(lengths: Tensor, transform: ClipTransform, draws: Draws | None) -> tuple[Tensor, Tensor]:
    """The first frame and the number of frames that are kept."""
    if draws is None:
        cut = ((1 - transform.eval_crop) * lengths.double() / 2).floor().long()
        return cut, lengths - 2 * cut
    low, high = transform.crop
    kept = ((low + (high - low) * draws.share) * lengths).floor().long()
    kept = torch.minimum(kept.clamp(min=transform.crop_min_frames), lengths)
    return (draws.start * (lengths - kept + 1)).floor().long(), kept


def _resize(start: Tensor, kept: Tensor, clip_len: int) -> Frames:
    centres = (torch.arange(clip_len, dtype=torch.float64) + 0.5) / clip_len
    last = (kept - 1)[:, None]
    place = torch.minimum((centres * kept[:, None] - 0.5).clamp(min=0), last.double())
    low = place.long()
    high = torch.minimum(low + 1, last)
    first = start[:, None]
    return Frames((first + low)[..., None], (first + high)[..., None], (place - low).float())


def _pick_frames(lengths: Tensor, clip_len: int, draws: Draws | None) -> Tensor:
    if draws is not None:
        frames = (draws.frames.sort(dim=1).values * lengths[:, None]).floor().long()
        return torch.minimum(frames, lengths[:, None] - 1)
    steps = torch.arange(clip_len)
    return steps * (lengths[:, None] - 1) // max(clip_len - 1, 1)


def _pick_in_segments(lengths: Tensor, clip_len: int, draws: Draws | None) -> Tensor:
    within = 0.5 if draws is None else draws.frames
    frames = (torch.arange(clip_len).double() + within) * lengths[:, None] / clip_len
    return torch.minimum(frames.floor().long(), lengths[:, None] - 1)


def _window(lengths: Tensor, clip_len: int, draws: Draws | None) -> Frames:
    free = (clip_len - lengths).clamp(min=0)
    stride = (lengths // clip_len).clamp(min=1)
    drawn = torch.zeros(len(lengths), dtype=torch.float64) if draws is None else draws.start
    before = (drawn * (free + 1)).floor().long()
    begin = torch.where(lengths > clip_len, (drawn * (stride + 1)).floor().long(), 0)
    steps = torch.arange(clip_len) - before[:, None]
    inside = (steps >= 0) & (steps < lengths[:, None])
    frames = begin[:, None] + steps * lengths.clamp(min=clip_len)[:, None] // clip_len
    low = torch.minimum(frames.clamp(min=0), lengths[:, None] - 1)
    return Frames(low[..., None], inside=None if inside.all() else inside)

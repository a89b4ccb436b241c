"""What happens to each clip of an epoch, decided on the CPU before any frame is looked at."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from data.dataset import DatasetInfo
from data.draws import Draws
from data.frames import DeviceFrames, MappedFrames
from data.geometry import linear_maps, movements
from data.sampling import sample_frames
from data.transform import ClipTransform, num_coordinates


class Plan(NamedTuple):
    """What happens to n clips; what is not in use is None.

    places (n,): in the split, on the CPU. low, high (n, T, M): the bodies that each output frame
    lies between, where they are looked up; high is None where low is the output frame. The rest
    is on the device: weight of the high bodies, and inside, 0 for padding frames (n, 1, T, 1, 1);
    origins (n, D, 1, 1, 1); extremes, points whose range under any map is that of the centred clip
    (n, D, 1, 1, S); maps (n, D, D); mirrored (n, 1, 1, 1, 1) bool; moves (n, 4, T); kept, 0 for a
    dropped joint (n, 1, 1, 1, V).
    """

    places: Tensor
    low: Tensor
    high: Tensor | None
    weight: Tensor | None
    inside: Tensor | None
    origins: Tensor
    extremes: Tensor | None
    maps: Tensor
    mirrored: Tensor | None
    moves: Tensor | None
    kept: Tensor | None

    def of(self, clips: slice) -> Plan:
        return Plan._make(None if part is None else part[clips] for part in self)


def make_plan(
    places: Tensor,
    source: MappedFrames | DeviceFrames,
    transform: ClipTransform,
    info: DatasetInfo,
    draws: Draws | None,
    device: torch.device,
) -> Plan:
    """The plan of the clips at these places (n,); `draws` is None in evaluation."""
    facts = source.facts
    frames = sample_frames(facts.lengths[places], facts.body_lengths[places], transform, draws)
    starts = source.starts[places, None, None]
    persons = torch.arange(info.num_persons)

    def bodies(frames: Tensor) -> Tensor:
        return ((starts + frames) * info.num_persons + persons).to(source.device)

    def sent(values: Tensor, *shape: int) -> Tensor:
        return values.view(len(places), *shape).to(device)

    origins = facts.origins[places]
    maps = linear_maps(len(places), num_coordinates(info), transform, draws)
    mirrored = moves = kept = None
    if draws is not None and transform.mirror:
        mirrored = sent(draws.mirror < transform.mirror, 1, 1, 1, 1)
    if draws is not None and transform.random_move:
        moves = movements(transform.clip_len, draws).to(device)
    if draws is not None and transform.joint_drop:
        kept = sent((draws.joints >= transform.joint_drop).float(), 1, 1, 1, -1)
    return Plan(
        places=places,
        low=bodies(frames.low),
        high=None if frames.high is None else bodies(frames.high),
        weight=None if frames.weight is None else sent(frames.weight, 1, -1, 1, 1),
        inside=None if frames.inside is None else sent(frames.inside.float(), 1, -1, 1, 1),
        origins=sent(origins, -1, 1, 1, 1),
        extremes=None if facts.extremes is None else facts.extremes.of(places).to(device),
        maps=maps.to(device),
        mirrored=mirrored,
        moves=moves,
        kept=kept,
    )

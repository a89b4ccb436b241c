"""Preprocessing of NTU RGB+D by CTR-GCN (Chen et al., ICCV 2021): bodies by tracking id, denoised.

The rules are those of the published preparation of its arrays, after its float32. It also defines
a range of motion, 0.089925 to 2, outside of which a second body would be noise, but does not
apply it: motion alone orders the bodies. So it is here. Clips keep their length.

Shapes: T frames, M = 2 persons, V joints, 3 channels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.dataset import FloatArray
from data.skeleton_text import Bodies

NUM_PERSONS = 2
MOST_NOISE_FRAMES = 11
"""A body that is seen in no more frames is noise."""
WIDEST = 0.8
"""Wider than this share of its height, a body is implausible in a frame."""
LEAST_NOISE_SHARE = 0.69754
"""A body that is implausible in this share of its frames is noise."""

SPINE_MID = 1


class Track(NamedTuple):
    """All frames of one tracking id (L, V, 3), taken to follow its first frame without gaps."""

    start: int
    joints: FloatArray
    motion: float

    @property
    def last(self) -> int:
        return self.start + len(self.joints) - 1


def select_actors(bodies: Bodies) -> FloatArray:
    """The clip (T', 2, V, 3) of the bodies, absent ones zero; frames without a body are cut.

    A file of one body has no noise. Of several, those that are noise by length and then by spread
    are left out as long as one body is left; if all are noise by length, all stay. Bodies come in
    the order of their motion: each becomes the first person, or else the second, unless it is there
    at the same time as those who have become this person.
    """
    has_body = bodies.counts > 0
    seen = Bodies(bodies.joints[has_body], bodies.ids[has_body], bodies.counts[has_body])
    tracks = _find_tracks(seen)
    if not tracks:
        return np.zeros((min(len(bodies.counts), 1), NUM_PERSONS, *bodies.joints.shape[2:]), "f4")
    if len(tracks) > 1:
        tracks = sorted(_denoise(tracks), key=lambda track: track.motion, reverse=True)
    clip = _cast(tracks, len(seen.counts))
    return clip[clip.any(axis=(1, 2, 3))]


def translate(clip: FloatArray) -> FloatArray:
    """The clip (T, M, V, 3) with the first person's middle of the spine, in the first frame that
    has this person, as the origin. Absent persons stay zero.

    Made to be left as it is (`normalize: none`): that joint is zero now, as if it were absent.
    """
    present = (clip != 0).any(axis=(2, 3))
    frames = np.flatnonzero(present[:, 0])
    if len(frames) == 0:
        return clip
    return np.where(present[..., None, None], clip - clip[frames[0], 0, SPINE_MID], np.float32(0))


def _find_tracks(bodies: Bodies) -> list[Track]:
    """In the order in which the tracking ids come up."""
    is_body = np.arange(bodies.ids.shape[1]) < bodies.counts[:, None]
    ids, firsts = np.unique(bodies.ids[is_body], return_index=True)
    frames = np.nonzero(is_body)[0]
    tracks = []
    for place in np.argsort(firsts):
        joints = bodies.joints[is_body & (bodies.ids == ids[place])].astype(np.float32)
        tracks.append(Track(int(frames[firsts[place]]), joints, _motion(joints)))
    return tracks


def _denoise(tracks: list[Track]) -> list[Track]:
    kept = [track for track in tracks if len(track.joints) > MOST_NOISE_FRAMES] or tracks
    num_left = len(kept)
    if num_left == 1:
        return kept
    actors = []
    for track in kept:
        plausible = _is_plausible(track.joints)
        if plausible.all() or num_left == 1:
            actors.append(track)
        elif np.mean(~plausible) >= LEAST_NOISE_SHARE:
            num_left -= 1
        else:
            motion = min(track.motion, _motion(track.joints[plausible]))
            actors.append(track._replace(motion=motion))
    return actors


def _is_plausible(joints: FloatArray) -> NDArray[np.bool_]:
    width, height = np.ptp(joints[..., :2], axis=1).astype(np.float64).T
    plausible: NDArray[np.bool_] = width <= WIDEST * height
    return plausible


def _motion(joints: FloatArray) -> float:
    """The sum over the axes of the variance over the joints of all frames."""
    return float(joints.reshape(-1, 3).var(axis=0).sum())


def _cast(tracks: list[Track], num_frames: int) -> FloatArray:
    """The persons (T, 2, V, 3) that the tracks become; later tracks lie over earlier ones."""
    clip = np.zeros((num_frames, NUM_PERSONS, *tracks[0].joints.shape[1:]), dtype=np.float32)
    spans = [(tracks[0].start, tracks[0].start), (0, 0)]
    for track in tracks:
        for person, (start, last) in enumerate(spans):
            if min(last, track.last) - max(start, track.start) <= 0:
                room = num_frames - track.start
                clip[track.start : track.last + 1, person] = track.joints[:room]
                spans[person] = min(start, track.start), max(last, track.last)
                break
    return clip

import numpy as np
import pytest

from data.ctrgcn_preprocessing import select_actors, translate
from data.skeleton_text import Bodies

NUM_FRAMES = 40


def body(number: int, *, motion: float = 0.1, width: float = 0.3) -> np.ndarray:
    """(40, 25, 3): as wide as told, one high, each axis' variance near motion / 3 plus its own."""
    rng = np.random.default_rng(number)
    joints = np.zeros((NUM_FRAMES, 25, 3), dtype=np.float32)
    joints[:, :, 0] = np.linspace(0, width, 25)
    joints[:, :, 1] = np.linspace(0, 1, 25)
    steps = rng.normal(size=(NUM_FRAMES, 1, 3))
    return np.float32(joints + np.sqrt(motion / 3) * (steps - steps.mean(axis=0)) + (1, 2, 3))


def make_bodies(*tracks: tuple[int, range | list[int], np.ndarray]) -> Bodies:
    """Of (id, frames, joints of all frames); bodies that come earlier stand first in a frame."""
    frames: list[list[tuple[int, np.ndarray]]] = [[] for _ in range(NUM_FRAMES)]
    for identity, places, joints in tracks:
        for frame in places:
            frames[frame].append((identity, joints[frame]))
    counts = np.array([len(bodies) for bodies in frames])
    shape = (NUM_FRAMES, counts.max(initial=0))
    bodies = Bodies(np.zeros((*shape, 25, 3)), np.zeros(shape, dtype=np.uint64), counts)
    for frame, found in enumerate(frames):
        for place, (identity, joints) in enumerate(found):
            bodies.ids[frame, place], bodies.joints[frame, place] = identity, joints
    return bodies


ALL = range(NUM_FRAMES)
CALM, LIVELY, WILD = body(0), body(1, motion=0.5), body(2, motion=1.5)


def test_bodies_come_in_the_order_of_their_motion() -> None:
    clip = select_actors(make_bodies((7, ALL, CALM), (5, ALL, LIVELY)))

    assert clip.dtype == np.float32
    np.testing.assert_array_equal(clip, np.stack([LIVELY, CALM], axis=1))


def test_a_body_is_followed_by_its_id_when_places_in_the_frame_change() -> None:
    bodies = make_bodies((7, ALL, CALM), (5, ALL, LIVELY))
    for frame in range(0, NUM_FRAMES, 2):
        bodies.ids[frame] = bodies.ids[frame, ::-1]
        bodies.joints[frame] = bodies.joints[frame, ::-1]

    clip = select_actors(bodies)

    np.testing.assert_array_equal(clip, np.stack([LIVELY, CALM], axis=1))


@pytest.mark.parametrize(("num_seen", "kept"), [(11, False), (12, True)])
def test_of_several_bodies_one_seen_in_eleven_frames_is_noise(num_seen: int, kept: bool) -> None:
    clip = select_actors(make_bodies((7, ALL, CALM), (5, range(num_seen), LIVELY)))

    assert clip[:, 1].any() == kept
    assert len(clip) == NUM_FRAMES


def test_a_single_body_is_never_noise() -> None:
    flat = body(3, width=2.0)

    clip = select_actors(make_bodies((7, range(3, 8), flat)))

    np.testing.assert_array_equal(clip[:, 0], flat[3:8])
    assert not clip[:, 1].any()


def test_if_all_bodies_are_noise_by_length_all_stay() -> None:
    clip = select_actors(make_bodies((7, range(5), CALM), (5, range(4), LIVELY)))

    assert clip.any(axis=(2, 3)).sum(axis=0).tolist() == [4, 5]


@pytest.mark.parametrize(("num_wide", "kept"), [(27, True), (28, False)])
def test_a_body_that_is_too_wide_in_seven_frames_of_ten_is_noise(num_wide: int, kept: bool) -> None:
    wide = LIVELY.copy()
    wide[:num_wide, :, 0] = np.linspace(0, 0.81, 25)

    clip = select_actors(make_bodies((7, ALL, CALM), (5, ALL, wide)))

    assert clip[:, 1].any() == kept


def test_the_last_body_left_is_kept_however_wide_it_is() -> None:
    wide, other = body(3, width=2.0), body(4, width=2.0)

    clip = select_actors(make_bodies((7, ALL, wide), (5, ALL, other)))

    np.testing.assert_array_equal(clip[:, 0], other)
    assert not clip[:, 1].any()


def test_frames_that_are_too_wide_do_not_count_as_motion() -> None:
    leaping = CALM.copy()
    leaping[:5] += np.float32([9, 0, 0])
    leaping[:5, :, 0] *= 9
    bodies = make_bodies((7, ALL, leaping), (5, ALL, LIVELY))

    clip = select_actors(bodies)

    np.testing.assert_array_equal(clip, np.stack([LIVELY, leaping], axis=1))


def test_bodies_that_do_not_overlap_become_one_person() -> None:
    first, later = range(15), range(20, NUM_FRAMES)

    clip = select_actors(make_bodies((7, ALL, WILD), (5, first, LIVELY), (6, later, CALM)))

    np.testing.assert_array_equal(clip[:, 0], WILD)
    np.testing.assert_array_equal(clip[first, 1], LIVELY[first])
    np.testing.assert_array_equal(clip[later, 1], CALM[later])
    assert not clip[15:20, 1].any()


def test_a_body_goes_on_as_the_first_person_where_that_one_is_away() -> None:
    clip = select_actors(make_bodies((7, range(15), WILD), (5, range(14, NUM_FRAMES), CALM)))

    np.testing.assert_array_equal(clip[:14, 0], WILD[:14])
    np.testing.assert_array_equal(clip[14:, 0], CALM[14:])
    assert not clip[:, 1].any()


def test_a_third_body_at_the_same_time_is_left_out() -> None:
    clip = select_actors(make_bodies((7, ALL, CALM), (5, ALL, LIVELY), (6, ALL, WILD)))

    np.testing.assert_array_equal(clip, np.stack([WILD, LIVELY], axis=1))


def test_the_gaps_of_a_body_are_closed_and_frames_without_a_body_cut() -> None:
    seen = [*range(2, 12), *range(20, 30)]

    clip = select_actors(make_bodies((7, seen, CALM), (5, range(30, 35), LIVELY)))

    np.testing.assert_array_equal(clip[:, 0], CALM[seen])


def test_an_id_that_comes_twice_in_a_frame_counts_as_two_frames() -> None:
    twice = make_bodies((7, ALL, CALM), (7, ALL, LIVELY))

    clip = select_actors(twice)

    np.testing.assert_array_equal(clip[::2, 0], CALM[: NUM_FRAMES // 2])
    np.testing.assert_array_equal(clip[1::2, 0], LIVELY[: NUM_FRAMES // 2])


def test_a_clip_without_bodies_keeps_one_empty_frame() -> None:
    clip = select_actors(make_bodies())

    assert clip.shape == (1, 2, 25, 3)
    assert not translate(clip).any()


def test_the_spine_of_the_first_person_in_its_first_frame_is_the_origin() -> None:
    clip = np.stack([LIVELY, CALM], axis=1)
    clip[:3, 0] = 0
    clip[7, 1] = 0

    moved = translate(clip)

    assert not moved[3, 0, 1].any()
    assert not moved[:3, 0].any()
    assert not moved[7, 1].any()
    np.testing.assert_array_equal(moved[8, 1], CALM[8] - LIVELY[3, 1])

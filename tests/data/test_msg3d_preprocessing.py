import numpy as np
import pytest

from data.msg3d_preprocessing import align, select_bodies


def make_bodies(*spreads: float, num_frames: int = 6) -> np.ndarray:
    """Bodies (T, B, 25, 3) of these spreads; B is the number of spreads."""
    points = np.random.default_rng(len(spreads)).normal(size=(num_frames, len(spreads), 25, 3))
    return points * np.array(spreads)[:, None, None]


def test_the_two_bodies_that_vary_most_are_kept_in_that_order() -> None:
    bodies = make_bodies(1.0, 3.0, 0.5, 2.0)

    clip = select_bodies(bodies, num_persons=2)

    np.testing.assert_array_equal(clip, bodies[:, [1, 3]])


def test_a_body_counts_by_the_frames_that_have_it() -> None:
    bodies = make_bodies(1.0, 2.0)
    bodies[1:, 1] = 0.0

    clip = select_bodies(bodies, num_persons=2)

    np.testing.assert_array_equal(clip[0], bodies[0, [1, 0]])


def test_bodies_beyond_the_fourth_are_not_looked_at() -> None:
    clip = select_bodies(make_bodies(1.0, 1.0, 1.0, 1.0, 9.0), num_persons=2)

    assert np.abs(clip).max() < 6.0


def test_a_body_that_comes_late_is_moved_to_the_start_without_its_gaps() -> None:
    bodies = make_bodies(2.0, 1.0)
    bodies[[0, 1, 3], 1] = 0.0

    clip = select_bodies(bodies, num_persons=2)

    np.testing.assert_array_equal(clip[:, 0], bodies[:, 0])
    np.testing.assert_array_equal(clip[:3, 1], bodies[[2, 4, 5], 1])
    assert not clip[3:, 1].any()


def test_a_body_of_the_first_frame_keeps_its_gaps_but_not_an_empty_end() -> None:
    bodies = make_bodies(2.0)
    bodies[[1, 4, 5]] = 0.0

    clip = select_bodies(bodies, num_persons=2)

    np.testing.assert_array_equal(clip[:, :1], bodies[:4])
    assert not clip[:, 1].any()


@pytest.mark.parametrize(("num_frames", "kept"), [(0, 0), (5, 1)])
def test_a_clip_without_bodies_keeps_one_empty_frame(num_frames: int, kept: int) -> None:
    clip = select_bodies(np.zeros((num_frames, 0, 25, 3)), num_persons=2)

    assert clip.shape == (kept, 2, 25, 3)
    assert align(clip).shape == clip.shape


def test_aligning_turns_the_whole_clip_as_one_rigid_body() -> None:
    clip = make_bodies(1.0, 0.5)
    clip[3, 1] = 0.0

    turned = align(clip)

    gram = clip.reshape(-1, 3) @ clip.reshape(-1, 3).T
    np.testing.assert_allclose(turned.reshape(-1, 3) @ turned.reshape(-1, 3).T, gram, atol=1e-12)
    assert np.linalg.det(np.linalg.lstsq(clip[0, 0], turned[0, 0])[0]) > 0
    shoulders = turned[0, 0, 8] - turned[0, 0, 4]
    np.testing.assert_allclose(shoulders, [np.linalg.norm(shoulders), 0, 0], atol=1e-12)


def test_aligning_puts_a_spine_across_the_shoulders_upright() -> None:
    clip = np.zeros((1, 1, 25, 3))
    clip[0, 0, 1] = [0.0, 0.3, 0.0]
    clip[0, 0, 8] = [0.0, 0.0, 0.4]

    turned = align(clip)[0, 0]

    np.testing.assert_allclose(turned[1], [0, 0, 0.3], atol=1e-12)
    np.testing.assert_allclose(turned[8], [0.4, 0, 0], atol=1e-12)


@pytest.mark.parametrize("height", [1.0, -1.0, 0.0])
def test_a_spine_along_z_is_left_as_it_is_also_upside_down(height: float) -> None:
    clip = np.zeros((1, 1, 25, 3))
    clip[0, 0, 1] = [0.0, 0.0, height]

    np.testing.assert_array_equal(align(clip), clip)

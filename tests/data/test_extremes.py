import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.extremes import Extremes, axis_extremes, extreme_points


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 300), st.sampled_from([2, 3]))
def test_extreme_points_have_the_range_of_all_points_under_any_map(
    seed: int, count: int, size: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, size)).astype(np.float32)
    directions = rng.normal(size=(size, 20)).astype(np.float32)

    few = extreme_points(points) @ directions

    every = points @ directions
    np.testing.assert_allclose(few.min(axis=0), every.min(axis=0), atol=1e-5)
    np.testing.assert_allclose(few.max(axis=0), every.max(axis=0), atol=1e-5)


def test_most_points_of_a_cloud_are_left_out() -> None:
    points = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)

    assert len(extreme_points(points)) < 150


@pytest.mark.parametrize("points", [np.zeros((9, 3)), np.eye(3)[[0, 1, 2, 0, 1]]])
def test_points_in_one_plane_are_all_kept(points: np.ndarray) -> None:
    np.testing.assert_array_equal(extreme_points(points), points)


def test_the_points_of_several_clips_end_with_repetitions() -> None:
    clips = [np.full((count, 2), count, dtype=np.float32) for count in (2, 1, 3)]
    clips[2][:, 0] = [7, 8, 9]

    points = Extremes(clips).of(torch.tensor([2, 0]))

    assert points.shape == (2, 2, 1, 1, 3)
    assert points[0, :, 0, 0].tolist() == [[7, 8, 9], [3, 3, 3]]
    assert points[1, :, 0, 0].tolist() == [[2, 2, 2], [2, 2, 2]]


def test_the_extremes_on_the_axes_have_the_range_under_maps_that_keep_the_axes() -> None:
    points = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)

    few = axis_extremes(points) * (-2, 0.5, 3)

    every = points * (-2, 0.5, 3)
    assert len(few) == 6
    np.testing.assert_array_equal(few.min(axis=0), every.min(axis=0))
    np.testing.assert_array_equal(few.max(axis=0), every.max(axis=0))

import numpy as np
import pytest

from orchestrator.stats.samples import Sample, summarize


def test_a_summary_is_the_mean_and_the_sample_deviation():
    summary = summarize([1.0, 2.0, 6.0])

    assert (summary.mean, summary.n) == (3.0, 3)
    assert summary.std == pytest.approx(np.sqrt((4 + 1 + 9) / 2))


def test_one_value_has_no_deviation_and_none_no_summary():
    assert summarize([4.0]).std is None
    assert summarize([]) is None


def test_one_clip_of_four_is_worth_25_points_of_top1():
    hits = np.array([[100.0, 0, 0, 100], [100, 100, 0, 100]])

    sample = Sample((0, 1), np.array([50.0, 75.0]), hits)

    assert (sample.num_clips, sample.resolution) == (4, 25.0)


def test_a_clip_of_the_rarest_class_is_worth_most():
    mean_class_hits = np.array([[50 * 4 / 3, 50 * 4 / 3, 50 * 4 / 3, 50 * 4]])

    sample = Sample((0,), np.array([100.0]), mean_class_hits)

    assert sample.resolution == pytest.approx(50.0)


def test_values_that_are_not_the_mean_over_clips_are_a_defect():
    with pytest.raises(AssertionError):
        Sample((0,), np.array([60.0]), np.array([[100.0, 0.0]]))

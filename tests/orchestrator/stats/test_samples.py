import numpy as np
import pytest

from orchestrator.stats.samples import summarize


def test_a_summary_is_the_mean_and_the_sample_deviation():
    summary = summarize([1.0, 2.0, 6.0])

    assert (summary.mean, summary.n) == (3.0, 3)
    assert summary.std == pytest.approx(np.sqrt((4 + 1 + 9) / 2))


def test_one_value_has_no_deviation_and_none_no_summary():
    assert summarize([4.0]).std is None
    assert summarize([]) is None

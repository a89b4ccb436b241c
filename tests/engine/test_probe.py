"""A training timed for a moment."""

from pathlib import Path

import pytest

from orchestrator.engine.probe import Probe, Spread, _spread, probe
from tests.engine.trials import make_config


@pytest.fixture(scope="module")
def probed(data_root: Path) -> Probe:
    return probe(make_config(), data_root=data_root, device="cpu", seconds=0.0)


def test_a_probe_counts_the_batches_of_an_epoch(probed: Probe):
    assert probed.num_steps == 2  # 8 clips in batches of 4
    assert probed.num_eval_batches == 1  # 8 clips in one batch of 256


def test_a_probe_times_steps_and_evaluation(probed: Probe):
    for spread in (probed.step, probed.evaluation):
        assert 0 < spread.low <= spread.mean <= spread.high


def test_a_probe_knows_what_is_kept(probed: Probe, finished):
    assert probed.state_bytes == pytest.approx(finished.files.last.stat().st_size, rel=0.1)
    assert probed.weights_bytes == pytest.approx(finished.files.best.stat().st_size, rel=0.1)
    assert probed.predictions_bytes == 8 * 4 * 4  # clips, classes, bytes


def test_the_spread_is_between_blocks_of_consecutive_pieces():
    # five blocks of two: means 1.5, 1, 2, 1, 4
    assert _spread([1, 2, 1, 1, 2, 2, 1, 1, 3, 5]) == Spread(1.0, 1.9, 4.0)


def test_a_training_is_its_start_and_so_many_epochs():
    timed = Probe(
        start=5.0,
        step=Spread(1.0, 2.0, 3.0),
        evaluation=Spread(0.1, 0.2, 0.3),
        save=0.5,
        num_steps=10,
        num_eval_batches=5,
        peak_memory_mb=100.0,
        state_bytes=1,
        weights_bytes=1,
        predictions_bytes=1,
    )

    # low: 5 + 2 * (10 + 0.5 + 0.5); mean: 5 + 2 * (20 + 1 + 0.5); high: 5 + 2 * (30 + 1.5 + 0.5)
    assert timed.seconds(2) == pytest.approx((27.0, 48.0, 69.0))

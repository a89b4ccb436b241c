"""Fusing scores, and the search of weights."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.engine.errors import SkelTuneError
from orchestrator.fusing.fusion import (
    Predictions,
    fuse,
    require_alike,
    search_weights,
    weighted_sum,
)

LABELS = np.array([0, 1, 2, 0])


def make_stream(scores: object, labels: np.ndarray = LABELS) -> Predictions:
    return Predictions(
        source="joint",
        clips=np.array([f"clip{number}" for number in range(len(labels))]),
        labels=labels,
        scores=np.asarray(scores, dtype=np.float32),
        data_digest="d1",
        protocol="xsub",
        split="val",
    )


def sure_of(classes: list[int], margin: float = 1.0) -> np.ndarray:
    return margin * np.eye(3)[classes]


def random_streams(seed: int, count: int, num_clips: int = 60) -> list[Predictions]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, num_clips)
    return [
        make_stream(rng.normal(size=(num_clips, 5)) + strength * np.eye(5)[labels], labels)
        for strength in np.linspace(0.4, 1.2, count)
    ]


def test_the_fused_scores_are_the_weighted_sum_and_clips_changed_are_counted():
    joint = make_stream(sure_of([0, 1, 0, 1], margin=1))
    bone = make_stream(sure_of([1, 1, 2, 1], margin=3))

    fusion = fuse([joint, bone], (2.0, 0.5))

    np.testing.assert_allclose(
        weighted_sum([joint, bone], (2.0, 0.5)),
        2 * sure_of([0, 1, 0, 1]) + 1.5 * sure_of([1, 1, 2, 1]),
    )
    assert [stream.top1 for stream in fusion.streams] == [50.0, 50.0]
    assert fusion.fused.top1 == 50.0
    assert (fusion.righted, fusion.wronged) == (0, 0)
    other = fuse([joint, bone], (1.0, 1.0))
    assert other.fused.top1 == 50.0
    assert (other.righted, other.wronged) == (1, 1)


def test_figures_are_top_1_top_5_and_the_mean_over_classes():
    scores = np.zeros((4, 7))
    scores[[0, 1, 2, 3], [0, 1, 2, 6]] = 1.0
    scores[:, 6] += 0.5

    fusion = fuse([make_stream(scores)], (1.0,))

    assert fusion.fused.top1 == 75.0
    assert fusion.fused.mean_class == pytest.approx(100 * (0.5 + 1 + 1) / 3)
    assert fusion.fused.top5 >= 75.0
    assert fusion.plain()["points_per_clip"] == 25.0
    assert fusion.plain()["streams"][0]["source"] == "joint"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), weights=st.lists(st.floats(0.1, 3), min_size=3, max_size=3))
def test_a_common_factor_of_the_weights_changes_nothing(seed, weights):
    streams = random_streams(seed, 3)

    once = fuse(streams, tuple(weights))
    double = fuse(streams, tuple(2 * weight for weight in weights))

    assert once.fused == double.fused
    assert (once.righted, once.wronged) == (double.righted, double.wronged)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"split": "test"}, "must have one split, got test and val"),
        ({"protocol": "xview"}, "must have one protocol, got xview and xsub"),
        ({"data_digest": "d2"}, "must have one data digest, got d2 and d1"),
        ({"clips": np.array(["a", "b", "c", "d"])}, "have scored different clips"),
        ({"labels": LABELS[::-1].copy()}, "have different labels"),
        ({"scores": np.zeros((4, 2))}, "must have the same classes, got 2 and 3"),
    ],
)
def test_streams_of_different_clips_are_refused(changes, problem):
    stream = make_stream(np.zeros((4, 3)))
    streams = [stream, replace(stream, **changes)]

    with pytest.raises(SkelTuneError, match=problem):
        require_alike(streams)
    with pytest.raises(SkelTuneError, match=problem):
        search_weights(streams)


@pytest.mark.parametrize("weights", [(1.0,), (0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0)])
def test_weights_that_say_nothing_are_refused(weights):
    with pytest.raises(SkelTuneError, match="weights"):
        fuse([make_stream(np.zeros((4, 3)))] * 2, weights)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 4))
def test_found_weights_are_never_worse_on_their_clips_than_equal_ones_or_one_stream(seed, count):
    streams = random_streams(seed, count)

    found = search_weights(streams)

    best = fuse(streams, found).fused.top1
    assert sum(found) == pytest.approx(1)
    assert best >= fuse(streams, (1.0,) * count).fused.top1
    assert best >= max(figures.top1 for figures in fuse(streams, found).streams) - 1e-9
    assert found == search_weights(streams)


def test_two_streams_get_the_best_weights_in_steps_of_a_twentieth():
    streams = random_streams(7, 2)

    found = search_weights(streams)

    grid = [fuse(streams, (k / 20, 1 - k / 20)).fused.top1 for k in range(0, 21, 2)]
    assert fuse(streams, found).fused.top1 >= max(grid)


def test_equal_weights_are_kept_where_nothing_is_better():
    alike = [make_stream(sure_of([0, 1, 2, 0]))] * 3

    assert search_weights(alike) == (1 / 3,) * 3


def test_a_stream_of_noise_gets_little_weight():
    labels = np.random.default_rng(0).integers(0, 5, 300)
    good = np.eye(5)[labels] * 2 + np.random.default_rng(1).normal(size=(300, 5))
    noise = np.random.default_rng(2).normal(size=(300, 5)) * 5

    found = search_weights([make_stream(good, labels), make_stream(noise, labels)])

    assert found[0] >= 0.8


def test_many_streams_are_searched_in_coarser_steps():
    streams = random_streams(3, 9)

    found = search_weights(streams)

    assert len(found) == 9
    assert fuse(streams, found).fused.top1 > fuse(streams, (1.0,) * 9).fused.top1 - 1e-9

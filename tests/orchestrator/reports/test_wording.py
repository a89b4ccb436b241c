import numpy as np
import pytest

from orchestrator.reports.wording import (
    Scale,
    is_same_data,
    last_line,
    verdict_on_levels,
)
from orchestrator.stats.effects import contrast
from orchestrator.stats.samples import Sample
from orchestrator.stats.verdicts import Judgement, judge

RNG = np.random.default_rng(0)
HARD = RNG.random(2000)


def sample(accuracy: float, seeds: int = 5, clips: int = 2000) -> Sample:
    noise = 0.01 * RNG.standard_normal((seeds, clips))
    hits = 100.0 * (HARD[:clips] + noise < accuracy)
    return Sample(tuple(range(seeds)), hits.mean(axis=1), hits)


def judgement(ours: Sample, baseline: Sample, margin: float = 1.0) -> Judgement:
    effect = contrast([(1.0, ours), (-1.0, baseline)])
    return judge([effect], margin)[0]


@pytest.mark.parametrize(
    ("accuracy", "levels", "words"),
    [
        (0.5, {"rdl": "off"}, "rdl helps"),
        (0.99, {"rdl": "off"}, "rdl hurts"),
        (0.5, {"rdl": "off", "norm": "n/a"}, "rdl helps"),
        (0.5, {"rdl": "off", "cvsta": "off"}, "worse"),
        (0.99, {"ratio": "16"}, "better"),
        (0.8, {"rdl": "off"}, "no difference above 1 point"),
    ],
)
def test_a_verdict_tells_what_having_the_component_does(accuracy, levels, words):
    found = judgement(sample(accuracy), sample(0.8))

    assert verdict_on_levels(found, levels, "1 point") == words


def test_a_difference_within_the_margin_is_told_with_it():
    found = judgement(sample(0.5), sample(0.8), margin=50.0)

    assert (
        verdict_on_levels(found, {"rdl": "off"}, "50 points") == "rdl helps, by less than 50 points"
    )


def test_what_one_seed_shows_is_inconclusive():
    found = judgement(sample(0.5, seeds=1), sample(0.8, seeds=1))

    assert verdict_on_levels(found, {}, "") == "inconclusive: one seed shows no spread"


def test_an_open_verdict_says_what_would_settle_it():
    few_clips = judgement(sample(0.8, clips=40), sample(0.82, clips=40))
    few_seeds = judgement(*(noisy(mean) for mean in (80.0, 83.0)))

    told = [verdict_on_levels(found, {}, "") for found in (few_clips, few_seeds)]

    assert told[0].startswith("more seeds will not settle it: ")
    assert told[0].endswith(f"about {few_clips.clips_needed} clips needed, with 100 seeds")
    assert told[1] == f"inconclusive: about {few_seeds.more_seeds} more seeds needed"


def noisy(mean: float) -> Sample:
    values = mean + np.random.default_rng(int(mean)).normal(0, 2, 3)
    return Sample((0, 1, 2), values)


def test_accuracies_are_told_in_points_and_losses_in_four_decimals():
    top1, loss = Scale("val/top1"), Scale("val/loss")

    assert [top1.number(93.216), top1.signed(-1), top1.amount(1.0)] == ["93.22", "-1.00", "1 point"]
    assert [loss.number(0.12345), loss.amount(0.05)] == ["0.1235", "0.05"]


@pytest.mark.parametrize(
    ("reported", "ours", "same"),
    [
        ("FSD-10 (modified)", "fsd10", True),
        ("FineGym99", "gym99", True),
        ("NTU RGB+D 60, X-Sub", "ntu60", True),
        ("NTU RGB+D 60, X-Sub", "ntu60_hrnet", True),
        ("NTU RGB+D 120", "ntu60", False),
        ("FSD-10", "utd_mhad", False),
    ],
)
def test_data_sets_are_recognised_by_their_papers_names(reported, ours, same):
    assert is_same_data(reported, ours) is same


@pytest.mark.parametrize(
    ("error", "line"),
    [("Traceback\n  x\nBoom: y \n", "Boom: y"), (None, "no reason was recorded")],
)
def test_of_a_traceback_the_last_line_is_told(error, line):
    assert last_line(error) == line

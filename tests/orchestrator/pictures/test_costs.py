import numpy as np
import pytest

from orchestrator.home import StudyFolder
from orchestrator.pictures.costs import (
    Point,
    costs_picture,
    draw_costs,
    pareto_front,
    points_of_cost,
    spread,
)
from tests.orchestrator.pictures.made_up import factorial_study, made_up_results

POINTS = [
    Point("dear and good", 400, 90.0, 1.0),
    Point("cheap and poor", 100, 70.0, 1.0),
    Point("dear and poor", 400, 80.0, 1.0),
    Point("middle", 200, 80.0, 1.0),
    Point("no better than the middle", 300, 80.0, 1.0),
]


def test_the_front_has_what_is_better_than_all_that_costs_no_more():
    names = [point.name for point in pareto_front(POINTS, is_max=True)]

    assert names == ["cheap and poor", "middle", "dear and good"]


def test_of_a_loss_the_lower_is_the_better():
    names = [point.name for point in pareto_front(POINTS, is_max=False)]

    assert names == ["cheap and poor"]


def test_marks_of_the_front_are_filled_and_all_points_are_named():
    axes = draw_costs({"num_params": POINTS}, "val/top1 (%)", is_max=True).axes[0]

    marks = axes.collections[-1]
    is_white = (marks.get_facecolors()[:, :3] == 1).all(axis=1)
    assert marks.get_offsets().tolist() == [[point.cost, point.mean] for point in POINTS]
    assert is_white.tolist() == [False, False, True, False, True]
    assert {text.get_text() for text in axes.texts} == {point.name for point in POINTS}


def test_cost_and_mean_are_those_of_the_variant(found):
    points = {point.name: point for point in points_of_cost(found.results.rows, "num_params")}

    values = found.results.row("cvsta=off").sample.values
    assert points["cvsta=off"].cost == 20_000
    assert points["cvsta=off"].mean == pytest.approx(np.mean(values))
    assert points["cvsta=off"].std == pytest.approx(np.std(values, ddof=1))


def test_variants_of_one_cost_have_no_picture(tmp_path, found):
    hits = {"baseline": 0.7, "rdl=off": 0.6}
    results = made_up_results(factorial_study(tmp_path), StudyFolder(tmp_path / "tiny"), hits=hits)

    assert costs_picture(results) is None
    assert costs_picture(found.results).png


@pytest.mark.parametrize(
    ("wanted", "placed"),
    [
        ([0.1, 0.5, 0.9], [0.1, 0.5, 0.9]),
        ([0.1, 0.1, 0.1], [0.1, 0.3, 0.5]),
        ([0.9, 0.9, 1.0], [0.6, 0.8, 1.0]),
    ],
)
def test_labels_stay_apart_and_inside(wanted, placed):
    assert spread(np.array(wanted), 0.2).tolist() == pytest.approx(placed)

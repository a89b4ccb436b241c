import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from orchestrator.pictures.saved import save_pictures
from orchestrator.pictures.search import search_pictures

LR = FloatDistribution(0.01, 1.0, log=True)
RATIO = CategoricalDistribution(("2", "8"))
REDUCTION = FloatDistribution(1, 4)


def study_of(num_trials, directions=("maximize",)):
    """The objective follows the learning rate; every third trial has a conditional parameter."""
    study = optuna.create_study(directions=directions)
    for number in range(num_trials):
        lr = 0.01 * 100 ** (number / num_trials)
        params = {"optimizer.lr": lr, "model.cvsta_ratio": "28"[number % 2]}
        space = {"optimizer.lr": LR, "model.cvsta_ratio": RATIO}
        if number % 3 == 0:
            params["model.rel_reduction"] = 1.0 + number % 4
            space["model.rel_reduction"] = REDUCTION
        values = [60 + 10 * lr, 1e6 * lr][: len(directions)]
        study.add_trial(create_trial(params=params, distributions=space, values=values))
    return study


@pytest.fixture(scope="module")
def pictures():
    return {p.name: p for p in search_pictures(study_of(16), ["val/top1"])}


def test_a_search_has_history_slices_lines_contours_and_importances(pictures):
    assert list(pictures) == [
        "search_history",
        "search_slices",
        "search_parallel",
        "search_contours",
        "search_importances_ped_anova",
        "search_importances_fanova",
    ]
    assert all("n = 16 complete trials" in picture.caption for picture in pictures.values())


def test_pieces_of_html_leave_the_library_to_the_page(pictures):
    history = pictures["search_history"]

    assert 'id="search_history"' in history.html
    assert "top1" in history.html
    assert "cdn" not in history.html
    assert len(history.html) < 50_000


def test_parameters_that_not_every_trial_has_are_left_out_of_importances(pictures):
    for name in ("search_importances_ped_anova", "search_importances_fanova"):
        assert "optimizer.lr" in pictures[name].html
        assert "rel_reduction" not in pictures[name].html
    assert "rel_reduction" in pictures["search_slices"].html


def test_the_same_study_gives_the_same_html(pictures):
    again = search_pictures(study_of(16), ["val/top1"])

    assert [p.html for p in again] == [p.html for p in pictures.values()]


def test_of_few_trials_only_the_history_is_drawn():
    assert [p.name for p in search_pictures(study_of(3), ["val/top1"])] == ["search_history"]


def test_without_a_complete_trial_there_is_nothing_to_draw():
    study = optuna.create_study()
    study.add_trial(create_trial(state=TrialState.FAIL))

    assert search_pictures(study, ["val/top1"]) == []


def test_several_objectives_have_a_front_and_pictures_of_their_own():
    study = study_of(16, directions=("maximize", "minimize"))

    names = [picture.name for picture in search_pictures(study, ["val/top1", "macs"])]

    assert names[:2] == ["search_front", "search_history_1"]
    assert "search_history_2" in names


def test_saved_pages_share_the_library_beside_them(pictures, tmp_path):
    (path,) = save_pictures([pictures["search_history"]], tmp_path)

    assert path.name == "search_history.html"
    assert '<script src="plotly.min.js">' in path.read_text()
    assert (tmp_path / "plotly.min.js").stat().st_size > 1_000_000
    assert pictures["search_history"].caption in (tmp_path / "captions.md").read_text()

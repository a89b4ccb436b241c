import numpy as np
import pytest

from orchestrator.home import StudyFolder
from orchestrator.pictures.effects import (
    MARKS,
    Scale,
    components_picture,
    draw_forest,
    effects_picture,
    told_effect,
)
from orchestrator.stats.effects import contrast
from orchestrator.stats.outlook import Bar
from orchestrator.stats.samples import Sample
from orchestrator.stats.verdicts import Judgement, Verdict
from tests.orchestrator.pictures.made_up import factorial_study, made_up_results

SCALE = Scale("val/top1, variant minus baseline (points)", margin=1.0, resolution=0.25)


def judged(differences, verdict=Verdict.INCONCLUSIVE):
    zeros = Sample(tuple(range(len(differences))), np.zeros(len(differences)))
    ours = Sample(zeros.seeds, np.array(differences, dtype=float))
    effect = contrast([(1, ours), (-1, zeros)])
    return Judgement(effect, verdict, None, None, 0.05, Bar(0.05, 0.05, 1.0))


def lines_of(axes, marker):
    return [line for line in axes.lines if line.get_marker() == marker]


def test_a_line_reaches_over_the_interval_and_the_mark_stands_at_the_estimate():
    worse = judged([-4, -6, -5], Verdict.WORSE)

    axes = draw_forest({"": {"cvsta=off": worse}}, SCALE).axes[0]

    (mark,) = lines_of(axes, MARKS[Verdict.WORSE].shape)
    assert mark.get_xdata() == [-5]
    interval = next(line for line in axes.lines if tuple(line.get_xdata()) == worse.interval)
    assert list(interval.get_ydata()) == [0, 0]


def test_verdicts_differ_in_shape_so_that_they_do_in_grey_print():
    assert len({mark.shape for mark in MARKS.values()}) == len(Verdict)


def test_one_seed_has_a_mark_without_an_interval():
    alone = judged([-3.0])

    axes = draw_forest({"": {"rdl=off": alone}}, SCALE).axes[0]

    assert told_effect(alone) == "−3.00, 1 seed"
    assert [len(line.get_xdata()) for line in axes.lines if line.get_linestyle() == "-"] == [2]


def test_the_words_at_the_right_tell_estimate_interval_and_seeds():
    told = told_effect(judged([1.0, 2.0, 3.0]))

    half = 4.302652729911275 / np.sqrt(3)  # Student's t with two degrees of freedom, 97.5 %
    assert told == f"+2.00 [−{half - 2:.2f}, +{2 + half:.2f}], 3 seeds"


def test_settings_stand_under_one_another_on_one_scale():
    panels = {"joint": {"rdl=off": judged([1, 2])}, "bone": {"rdl=off": judged([-8, -9])}}

    upper, lower = draw_forest(panels, SCALE).axes[:2]

    assert [axes.get_title("left") for axes in (upper, lower)] == ["joint", "bone"]
    assert upper.get_xlim() == lower.get_xlim()


@pytest.mark.parametrize(
    ("resolution", "told"), [(0.25, ["margin, ±1", "one clip, ±0.25"]), (None, ["margin, ±1"])]
)
def test_the_legend_tells_verdicts_that_occur_the_margin_and_one_clip(resolution, told):
    figure = draw_forest({"": {"a": judged([1, 2])}}, Scale("", 1.0, resolution))

    assert [text.get_text() for text in figure.legends[0].texts] == ["inconclusive", *told]


def test_each_variant_but_the_baseline_is_compared(found):
    picture = effects_picture(found.results)

    assert picture.name == "effects"
    assert "n = 3 seeds, judged by 80 clips" in picture.caption
    assert "one clip is worth, ±1.25" in picture.caption


def test_the_same_results_give_the_same_bytes(found):
    assert effects_picture(found.results).png == effects_picture(found.results).png


def test_nothing_is_drawn_before_a_variant_can_be_compared(tmp_path):
    results = made_up_results(
        factorial_study(tmp_path), StudyFolder(tmp_path / "tiny"), hits={"baseline": 0.7}
    )

    assert effects_picture(results) is None
    assert components_picture(results) is None

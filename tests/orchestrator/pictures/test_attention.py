from types import SimpleNamespace

import numpy as np
import pytest

from orchestrator.home import Home
from orchestrator.insight import Attention, Over, look_into
from orchestrator.pictures.attention import (
    attention_pictures,
    draw_frames,
    draw_heat,
    draw_joints,
    most_unlike_all,
    relative_joint_weights,
    some_of,
)

EVERYBODY = {"all classes": np.array([True, True])}


@pytest.fixture(scope="module")
def insights(trained: Home):
    folders = {name: trained.single(name).trial(name) for name in ("mdrgcn", "dualhead", "slnl")}
    return {name: look_into(folder, trained.data) for name, folder in folders.items()}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("mdrgcn", ["attention_joints", "attention_frames_joints"]),
        ("dualhead", ["attention_joints", "attention_frames"]),
        ("slnl", ["attention_frequencies"]),
    ],
)
def test_each_papers_attention_has_its_pictures(insights, model, expected):
    pictures = attention_pictures(insights[model])

    assert [picture.name for picture in pictures] == expected
    assert all("all classes: n = 8" in picture.caption for picture in pictures)


def test_a_class_can_be_chosen_by_its_name(insights):
    insight = insights["dualhead"]
    chosen = insight.store.info.classes[1]

    (first, *_) = attention_pictures(insight, chosen)

    assert f"{chosen}: n = 2" in first.caption
    with pytest.raises(ValueError, match="no class 'juggling'"):
        attention_pictures(insight, "juggling")


def test_weights_of_joints_are_relative_to_their_mean():
    maps = np.array([[[1.0, 3.0], [1.0, 3.0]], [[3.0, 5.0], [3.0, 5.0]]])

    assert relative_joint_weights(maps).tolist() == pytest.approx([2 / 3, 4 / 3])


def test_the_skeleton_has_a_mark_a_joint_and_a_line_an_edge(insights):
    insight = insights["mdrgcn"]
    groups = {"all classes": np.ones(8, dtype=bool)}

    axes = draw_joints(insight, insight.attention[:1], groups).axes[0]

    limbs, joints = axes.collections
    info = insight.store.info
    weights = relative_joint_weights(insight.attention[0].maps)
    assert joints.get_array().tolist() == pytest.approx(weights.tolist())
    assert len(limbs.get_segments()) == len(info.edges)
    child, parent = info.edges[0]
    assert limbs.get_array()[0] == pytest.approx((weights[child] + weights[parent]) / 2)


def test_the_map_of_a_group_is_the_mean_over_its_clips():
    maps = np.stack([np.zeros((4, 3)), np.full((4, 3), 2.0)])
    maps[1, 3, 0] = 6.0
    groups = EVERYBODY | {"wave": np.array([False, True])}

    figure = draw_heat([Attention("layer", Over.FRAMES_AND_JOINTS, maps)], groups, ("t", "joint"))

    everybody, wave = (axes.images[0] for axes in figure.axes[:2])
    assert everybody.get_array()[0].tolist() == [1, 1, 1, 3]
    assert wave.get_array()[0].tolist() == [2, 2, 2, 6]
    assert everybody.get_clim() == wave.get_clim() == (1, 6)


def test_frames_are_lines_of_means_with_the_middle_half_of_clips():
    maps = np.array([[0.2, 0.4], [0.4, 0.8]])

    axes = draw_frames([Attention("stage 1", Over.FRAMES, maps)], EVERYBODY).axes[0]

    assert axes.lines[0].get_xdata().tolist() == [25, 75]
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.6])
    assert axes.get_legend().texts[0].get_text() == "all classes"


def test_of_many_layers_some_are_shown_first_and_last_among_them():
    layers = [Attention(str(n), Over.FRAMES, np.zeros((1, 1))) for n in range(1, 11)]

    assert [one.name for one in some_of(layers)] == ["1", "4", "7", "10"]


def test_the_class_that_is_picked_is_the_least_like_all():
    labels = np.repeat([0, 1, 2], 3)
    maps = np.where(labels == 1, 9.0, 1.0)[:, None]
    attention = Attention("stage 1", Over.FRAMES, maps)

    assert most_unlike_all(SimpleNamespace(labels=labels, attention=[attention])) == 1

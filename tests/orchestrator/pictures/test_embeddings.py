from dataclasses import replace

import numpy as np
import pytest

from orchestrator.insight import look_into
from orchestrator.pictures.embeddings import (
    draw_embeddings,
    embeddings_picture,
    marks_of,
    project,
    silhouette,
)


@pytest.fixture(scope="module")
def insight(trained):
    return look_into(trained.single("mdrgcn").trial("mdrgcn"), trained.data)


def test_every_clip_is_a_mark_hollow_where_it_is_not_recognised(insight):
    points = np.arange(2 * len(insight.clips), dtype=float).reshape(-1, 2)

    axes = draw_embeddings({"baseline": points}, {"baseline": insight}).axes[0]

    offsets = np.concatenate([marks.get_offsets() for marks in axes.collections])
    filled = sum(len(m.get_offsets()) for m in axes.collections if len(m.get_facecolors()))
    assert sorted(map(tuple, offsets)) == sorted(map(tuple, points))
    assert filled == (insight.predicted == insight.labels).sum()


def test_the_title_tells_accuracy_and_the_legend_the_classes(insight):
    figure = draw_embeddings({"baseline": np.zeros((8, 2))}, {"baseline": insight})

    top1 = 100 * (insight.predicted == insight.labels).mean()
    assert figure.axes[0].get_title("left").startswith(f"baseline\ntop-1 {top1:.1f} %")
    assert [t.get_text() for t in figure.legends[0].texts] == list(insight.store.info.classes)


def test_models_stand_side_by_side_in_one_picture(insight):
    picture = embeddings_picture({"with rdl": insight, "without": insight})

    assert picture.png
    assert "8 clips of synthetic, split val" in picture.caption


def test_the_projection_is_the_same_each_time(insight):
    assert np.array_equal(project(insight), project(insight))


@pytest.mark.parametrize(("num_classes", "num_marks"), [(27, 27), (48, 48), (120, 120)])
def test_no_two_classes_have_one_mark(num_classes, num_marks):
    assert len({(shape, str(colour)) for shape, colour in marks_of(num_classes)}) == num_marks


def test_the_silhouette_needs_two_classes(insight):
    assert -1 <= silhouette(insight) <= 1
    assert silhouette(replace(insight, labels=np.zeros(8, dtype=int))) is None

import numpy as np
import pytest

from orchestrator.pictures.classes import (
    _most_different,
    class_differences,
    classes_pictures,
    draw_classes,
)
from orchestrator.pictures.confusion import confusions_of
from orchestrator.stats.effects import contrast
from orchestrator.stats.samples import Sample


def effect_of(differences):
    seeds = tuple(range(len(differences)))
    ours = Sample(seeds, np.array(differences, dtype=float))
    return contrast([(1, ours), (-1, Sample(seeds, np.zeros(len(seeds))))])


def test_a_difference_is_that_of_the_class_accuracies_seed_by_seed(found):
    ours, baseline = (
        confusions_of(found.results.row(name), found.folder.trials).per_class
        for name in ("cvsta=off", "baseline")
    )

    differences = class_differences(found.results, "", found.folder.trials)

    effects = differences["cvsta=off"].values()
    assert list(differences) == [r.variant.name for r in found.results.rows[1:]]
    assert [e.estimate for e in effects] == pytest.approx((ours - baseline).mean(axis=0))


def test_marks_are_coloured_where_the_interval_leaves_out_zero():
    by_class = {"wave": effect_of([-9, -10, -11]), "clap": effect_of([-9, 9, 1])}

    axes = draw_classes({"rdl=off": by_class}, _most_different({"rdl=off": by_class})).axes[0]

    marks = axes.collections[-1]
    assert marks.get_offsets().tolist() == [[-10, 0], [pytest.approx(1 / 3), 1]]
    assert [list(c[:3]) == [1, 1, 1] for c in marks.get_facecolors()] == [False, True]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wave", "clap"]


def test_of_many_classes_those_are_shown_that_differ_most():
    by_class = {f"A{n}": effect_of([n, n + 1]) for n in range(60)}

    drawn = _most_different({"rdl=off": by_class})

    assert drawn.classes == [f"A{n}" for n in range(30, 60)]
    assert drawn.num_classes == 60


def test_the_caption_tells_seeds_and_what_intervals_are(found):
    (picture,) = classes_pictures(found.results, found.folder.trials)

    assert "n = 3 seeds with its 95% interval over seeds" in picture.caption
    assert "not corrected for the number of classes" in picture.caption


def test_nothing_is_drawn_without_saved_predictions(found, tmp_path):
    assert classes_pictures(found.results, tmp_path) == []

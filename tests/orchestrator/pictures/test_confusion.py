import numpy as np
import pytest
from PIL import Image

from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.pictures.confusion import (
    Confusions,
    confusion_pictures,
    confusions_of,
    draw_confusion,
    draw_pairs,
    draw_shares,
    most_confused,
    pairs_picture,
)

COUNTS = np.array([[[8, 2, 0], [1, 3, 0], [0, 0, 0]], [[6, 4, 0], [0, 4, 0], [0, 0, 0]]])
CONFUSIONS = Confusions(("wave", "clap", "never seen"), (0, 1), COUNTS)


def test_shares_are_of_the_true_class_and_none_of_a_class_without_clips():
    shares = CONFUSIONS.shares

    assert shares[0, :2].tolist() == [[80, 20, 0], [25, 75, 0]]
    assert np.isnan(shares[:, 2]).all()
    assert CONFUSIONS.per_class[:, :2].tolist() == [[80, 75], [60, 100]]


def test_the_most_confused_pairs_are_ranked_by_their_mean_over_seeds():
    first, second = most_confused(CONFUSIONS)

    assert first == ("wave", "clap", 30, 20, 40)
    assert second == ("clap", "wave", 12.5, 0, 25)


def test_no_pairs_are_drawn_where_nothing_is_confused():
    perfect = Confusions(("wave", "clap"), (0,), np.array([[[5, 0], [0, 5]]]))

    assert most_confused(perfect) == []
    assert pairs_picture(perfect, "baseline") is None


def test_the_matrix_has_the_mean_share_in_each_cell():
    axes = draw_shares(CONFUSIONS).axes[0]

    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert axes.images[0].get_array()[0, :2].tolist() == [70, 30]
    assert texts == {(0, 0): "70", (1, 0): "30", (0, 1): "12", (1, 1): "88"}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_very_many_classes_are_drawn_without_numbers():
    many = Confusions(tuple(f"A{n}" for n in range(60)), (0,), np.eye(60, dtype=int)[None])

    assert not draw_shares(many).axes[0].texts


def test_a_pair_is_a_point_with_its_range_over_seeds():
    axes = draw_pairs(most_confused(CONFUSIONS)).axes[0]

    assert axes.get_yticklabels()[0].get_text() == "wave → clap"
    assert [list(line.get_xdata()) for line in axes.lines[:2]] == [[20, 40], [30]]


def test_counts_are_read_from_the_saved_predictions_of_every_seed(found):
    row = found.results.row("rdl=off")

    confusions = confusions_of(row, found.folder.trials)

    hits = np.trace(confusions.counts, axis1=1, axis2=2)
    assert confusions.seeds == (0, 1, 2)
    assert 100 * hits / confusions.num_clips == pytest.approx(row.sample.values)


def test_a_variant_without_predictions_has_no_confusions(found, tmp_path):
    assert confusions_of(found.results.row("rdl=off"), tmp_path) is None


def test_a_trial_keeps_its_matrix_as_a_picture(trial, tmp_path):
    draw_confusion(TrialFiles(trial))

    with Image.open(TrialFiles(trial).confusion) as picture:
        assert picture.format == "PNG"
    with pytest.raises(SkelTuneError, match="has not run all its epochs"):
        confusion_pictures(tmp_path)

import numpy as np

from data.parts import split_by_part
from tests.data.stores import clip_table

LABELS = [0] * 7 + [1] * 3 + [0, 1]
PARTS = ["train"] * 10 + ["val", ""]


def test_every_so_many_th_training_clip_of_a_class_is_val() -> None:
    clips = clip_table([0] * 12, labels=LABELS, parts=PARTS)

    splits = split_by_part(clips, test_part="val", every=3)

    expected = ["train", "train", "val"] * 2 + ["train"] + ["train", "train", "val"] + ["test", ""]
    assert splits.tolist() == expected


def test_val_depends_on_the_names_and_not_on_the_order_of_the_clips() -> None:
    clips = clip_table([0] * 12, labels=LABELS, parts=PARTS)
    order = np.random.default_rng(1).permutation(12)
    shuffled = type(clips)(*(column[order] for column in clips))

    splits = split_by_part(clips, test_part="val", every=3)

    assert split_by_part(shuffled, test_part="val", every=3).tolist() == splits[order].tolist()

"""Split rules of one's own data sets."""

import numpy as np
import pytest

from data.dataset import ClipTable
from data.own import OwnProtocol, Selection
from data.own_splits import split_rule
from tests.data.stores import clip_table

SUBJECTS = (1, 1, 2, 2, 3, 3)


def split(clips: ClipTable, test: Selection, val: Selection, seed: int = 0) -> list[str]:
    rule = split_rule("own", OwnProtocol(test=test, val=val, seed=seed))
    return rule(clips).tolist()


def test_subjects_are_taken_for_test_and_val_and_the_rest_trains():
    splits = split(clip_table(SUBJECTS), Selection(subjects=(3,)), Selection(subjects=(2,)))

    assert splits == ["train", "train", "val", "val", "test", "test"]


def test_val_is_taken_from_what_is_not_test():
    clips = clip_table(SUBJECTS, cameras=(1, 2, 1, 2, 1, 2))

    splits = split(clips, Selection(cameras=(2,)), Selection(subjects=(3,)))

    assert splits == ["train", "test", "train", "test", "val", "test"]


def test_setups_can_be_taken():
    clips = clip_table(SUBJECTS, setups=(1, 2, 3, 4, 5, 6))

    splits = split(clips, Selection(setups=(2, 4)), Selection(setups=(6,)))

    assert splits == ["train", "test", "train", "test", "train", "val"]


def test_the_split_of_the_files_is_kept_and_clips_without_one_are_left_out():
    clips = clip_table(SUBJECTS, parts=("train", "", "val", "test", "train", ""))

    splits = split(clips, Selection(split="test"), Selection(split="val"))

    assert splits == ["train", "", "val", "test", "train", ""]


def many_clips(count: int, num_classes: int = 4) -> ClipTable:
    return clip_table([1] * count, labels=[number % num_classes for number in range(count)])


def test_shares_are_those_of_every_class():
    clips = many_clips(80)

    splits = np.array(split(clips, Selection(share=0.2), Selection(share=0.25)))

    for label in range(4):
        of_class = splits[clips.labels == label].tolist()
        assert [of_class.count(name) for name in ("test", "val", "train")] == [4, 4, 12]


def test_shares_depend_on_names_and_seed_alone():
    clips = many_clips(40)
    shuffled = np.random.default_rng(0).permutation(40)
    mixed = ClipTable(*(column[shuffled] for column in clips))
    shares = Selection(share=0.3), Selection(share=0.2)

    splits = np.array(split(clips, *shares))

    assert split(mixed, *shares) == splits[shuffled].tolist()
    assert split(clips, *shares, seed=1) != splits.tolist()


@pytest.mark.parametrize(
    ("test", "val", "problem"),
    [
        (Selection(subjects=(9,)), Selection(subjects=(2,)), r"no clip is test.*subjects \(9,\)"),
        (Selection(subjects=(1,)), Selection(cameras=(1,)), r"no clip is val.*cameras \[0\]"),
        (Selection(subjects=(1, 2)), Selection(subjects=(3,)), r"no clip is train"),
        (Selection(subjects=(1,)), Selection(share=0.01), r"no clip is val.*share 0.01"),
        (Selection(split="test"), Selection(split="val"), r"no clip is train.*parts \[''\]"),
    ],
)
def test_a_split_without_clips_is_told_with_what_there_is(test, val, problem):
    with pytest.raises(ValueError, match=rf"protocol own: {problem}"):
        split(clip_table(SUBJECTS), test, val)

import numpy as np
import pytest

from data.synthetic import MOVEMENTS, SYNTHETIC, describe_synthetic, scan_synthetic
from tests.data.stores import clip_table, load_all


def test_the_same_options_give_the_same_clips() -> None:
    first = load_all(scan_synthetic(num_subjects=3, num_takes=1))
    second = load_all(scan_synthetic(num_subjects=3, num_takes=1))

    assert [clip.name for clip in first] == [clip.name for clip in second]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.skeleton, other.skeleton)


def test_another_seed_gives_other_clips() -> None:
    one = scan_synthetic(seed=0)[0].load()
    other = scan_synthetic(seed=1)[0].load()

    assert one.skeleton.shape != other.skeleton.shape or (one.skeleton != other.skeleton).any()


def test_more_takes_leave_the_other_clips_as_they_are() -> None:
    few = {clip.name: clip for clip in load_all(scan_synthetic(num_subjects=3, num_takes=1))}
    many = {clip.name: clip for clip in load_all(scan_synthetic(num_subjects=3, num_takes=2))}

    for name, clip in few.items():
        np.testing.assert_array_equal(clip.skeleton, many[name].skeleton)


def test_bones_keep_their_length_without_noise() -> None:
    clip = scan_synthetic(joint_noise=0.0, dropped=0.0)[0].load()
    children, parents = np.array([e for e in SYNTHETIC.info.edges if e != (21, 22)]).T

    bones = clip.skeleton[:, 0, children] - clip.skeleton[:, 0, parents]

    lengths = np.linalg.norm(bones, axis=-1)
    np.testing.assert_allclose(lengths, lengths[:1].repeat(len(lengths), axis=0), atol=1e-5)


def test_dropped_joints_are_zero_at_about_the_share_asked_for() -> None:
    clips = load_all(scan_synthetic(num_subjects=3, num_takes=1, dropped=0.1))

    absent = np.concatenate([(clip.skeleton == 0).all(axis=-1).ravel() for clip in clips])

    assert absent.mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("num_classes", [2, len(MOVEMENTS)])
def test_the_description_follows_the_number_of_classes(num_classes: int) -> None:
    clips = load_all(scan_synthetic(num_classes=num_classes, num_subjects=3, num_takes=1))

    labels = {clip.label for clip in clips}

    assert labels == set(range(num_classes))
    assert len(describe_synthetic(num_classes=num_classes).classes) == num_classes


def test_subjects_are_split_into_train_val_and_test() -> None:
    subjects = np.arange(1, 11)

    splits = SYNTHETIC.splits["xsub"](clip_table(subjects))

    assert subjects[splits == "train"].tolist() == [1, 3, 5, 7]
    assert subjects[splits == "val"].tolist() == [9]
    assert subjects[splits == "test"].tolist() == [2, 4, 6, 8, 10]


@pytest.mark.parametrize(
    "options",
    [
        {"num_classes": 1},
        {"num_classes": 13},
        {"num_subjects": 2},
        {"num_takes": 0},
        {"num_frames": 1},
        {"joint_noise": -0.1},
        {"dropped": 1.0},
        {"seed": -1},
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        scan_synthetic(**options)[0].load()

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from data.hrnet import GYM99
from data.pyskl import (
    Annotation,
    make_image_clip,
    read_annotations,
    scan_pyskl,
    to_image_points,
    to_positions,
)
from tests.data.damage import Damage, damages, problem_with
from tests.data.pyskl_files import HEIGHT, WIDTH, make_annotation, make_file, write_file
from tests.data.stores import load_all

one_person = partial(make_image_clip, num_joints=17, num_persons=1, coordinates="pixels")
NESTED: list[object] = []
for _ in range(40):
    NESTED = [NESTED, NESTED]  # of 120 bytes in a file, of terabytes when written out


def to_annotation(content: dict[str, object]) -> Annotation:
    return Annotation(
        place="clips.pkl, clip a",
        name="a",
        label=0,
        part="",
        keypoints=content["keypoint"],
        scores=content.get("keypoint_score"),
        image=content.get("img_shape"),
    )


def to_points(content: dict[str, object], *, persons: int, coordinates: str) -> np.ndarray:
    return to_image_points(
        to_annotation(content), num_joints=17, num_persons=persons, coordinates=coordinates
    )


def test_a_file_becomes_clips_with_their_parts(tmp_path: Path) -> None:
    annotations = [make_annotation(name, label) for label, name in enumerate("abc")]
    content = make_file(*annotations, train=["c"], val=["a"])

    clips = load_all(scan_pyskl(write_file(tmp_path / "gym.pkl", content), one_person))

    assert [(clip.name, clip.label, clip.part) for clip in clips] == [
        ("a", 0, "val"),
        ("b", 1, ""),
        ("c", 2, "train"),
    ]
    np.testing.assert_array_equal(clips[2].skeleton[:, 0, :, :2], annotations[2]["keypoint"][0])


def test_older_files_are_a_list_each_and_their_names_end_in_the_part(tmp_path: Path) -> None:
    write_file(tmp_path / "gym_train.pkl", [make_annotation("a"), make_annotation("b")])
    write_file(tmp_path / "gym_val.pkl", [make_annotation("c")])

    clips = load_all(scan_pyskl(tmp_path, one_person))

    assert [(clip.name, clip.part) for clip in clips] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "val"),
    ]


def test_a_folder_with_a_clip_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("gym_hrnet", "gym_train"):
        write_file(tmp_path / f"{name}.pkl", make_file(make_annotation("a"), train=["a"]))

    with pytest.raises(
        ValueError, match=r"clip a is in gym_hrnet\.pkl and in gym_train\.pkl: name"
    ):
        scan_pyskl(tmp_path, one_person)


def test_a_clip_that_is_still_to_be_read_can_be_pickled(tmp_path: Path) -> None:
    write_file(tmp_path / "gym.pkl", make_file(make_annotation("a"), train=["a"]))
    (raw_clip,) = scan_pyskl(tmp_path, one_person)

    again = pickle.loads(pickle.dumps(raw_clip)).load()

    np.testing.assert_array_equal(again.skeleton, raw_clip.load().skeleton)


def test_a_file_is_read_once_while_it_stays_the_same(tmp_path: Path) -> None:
    path = write_file(tmp_path / "gym.pkl", make_file(make_annotation("a"), train=["a"]))
    load_all(scan_pyskl(path, one_person))
    assert read_annotations(path) is read_annotations(path)

    write_file(path, make_file(make_annotation("a", label=700), train=["a"]))

    assert [clip.label for clip in load_all(scan_pyskl(path, one_person))] == [700]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ntu60.pkl", make_file(make_annotation("a"), xsub_train=["a"], xsub_val=[])),
        ("gym.pkl", make_file(make_annotation("a"), train=["b"])),
        ("gym.pkl", [make_annotation("a")]),
        ("gym_train.pkl", []),
    ],
)
def test_a_file_whose_clips_are_in_no_split_is_refused_where_splits_are_needed(
    tmp_path: Path, name: str, content: object
) -> None:
    path = write_file(tmp_path / name, content)

    with pytest.raises(ValueError, match=rf"{name}: no clip is in a split: .*_train\.pkl"):
        scan_pyskl(path, one_person)
    assert len(scan_pyskl(path, one_person, needs_parts=False)) == (name != "gym_train.pkl")


def test_names_can_be_bytes_in_an_array(tmp_path: Path) -> None:
    content = make_file(make_annotation("a"), train=np.array([b"a"]))

    (clip,) = load_all(scan_pyskl(write_file(tmp_path / "gym.pkl", content), one_person))

    assert clip.part == "train"


def test_scaled_points_have_the_image_between_minus_one_and_one() -> None:
    content = make_annotation("a")
    content["keypoint"][0, 0, :3] = [(0, 0), (WIDTH, HEIGHT), (WIDTH / 2, HEIGHT / 4)]

    points = to_points(content, persons=1, coordinates="scaled")

    assert points[0, 0, :3, :2].tolist() == [[-1, -1], [1, 1], [0, -0.5]]
    np.testing.assert_array_equal(points[..., 2], content["keypoint_score"].transpose(1, 0, 2))


def test_points_without_position_and_score_stay_zero() -> None:
    content = make_annotation("a")
    content["keypoint"][0, 1] = 0
    content["keypoint_score"][0, 1] = 0

    points = to_points(content, persons=1, coordinates="scaled")

    assert not points[1].any()
    assert points[[0, 2]].any(axis=-1).all()


def test_of_more_persons_those_with_the_highest_scores_are_kept_in_their_order() -> None:
    content = make_annotation("a", persons=4)
    content["keypoint_score"][1] = 1

    points = to_points(content, persons=2, coordinates="pixels")

    np.testing.assert_array_equal(
        points[..., :2], content["keypoint"][[1, 3]].transpose(1, 0, 2, 3)
    )


def test_persons_who_are_not_there_are_zero() -> None:
    points = to_points(make_annotation("a"), persons=2, coordinates="scaled")

    assert points.shape == (3, 2, 17, 3)
    assert points.dtype == np.float32
    assert not points[:, 1].any()


def test_positions_are_the_keypoints_of_the_first_persons() -> None:
    keypoints = np.random.default_rng(0).normal(size=(3, 4, 25, 3)).astype(np.float16)

    positions = to_positions(to_annotation({"keypoint": keypoints}), num_joints=25, num_persons=2)

    np.testing.assert_array_equal(positions, keypoints[:2].transpose(1, 0, 2, 3))
    assert positions.dtype == np.float32


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("text", "must have 'split' .* and 'annotations'"),
        ({"annotations": []}, "must have 'split' .* and 'annotations'"),
        ([{"label": 3}], "annotation 0 must have the clip's name"),
        ([3], "annotation 0 must have the clip's name"),
        (make_file(make_annotation("a"), train=["a"], val=["a"]), "clip a is in train and in val"),
        (make_file(make_annotation("a"), train=None), "'split', 'train' must be a list, got None"),
        (make_file(make_annotation("a"), train=np.array(5)), "'train' must be a list, got array"),
        (make_file(make_annotation("a"), val="a"), "'split', 'val' must be a list, got 'a'"),
        (make_file(make_annotation("a"), val=[3]), "'split', 'val': the name must be text, got 3"),
        (make_file(make_annotation("a"), val=NESTED), "'split', 'val': the name must be text"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(
    tmp_path: Path, content: object, problem: str
) -> None:
    path = write_file(tmp_path / "gym.pkl", content)

    with pytest.raises(ValueError, match=f"gym.pkl: .*{problem}"):
        scan_pyskl(path, one_person)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"keypoint": None}, "must have its keypoints in the file"),
        ({"keypoint": "a.npy"}, "must have its keypoints in the file"),
        ({"keypoint": np.array(["a"])}, "must have its keypoints in the file"),
        ({"keypoint": np.ones((40, 17, 3))}, r"\(persons, frames, 17, 2\), got \(40, 17, 3\)"),
        ({"keypoint": np.ones((1, 3, 18, 2))}, r"\(persons, frames, 17, 2\), got \(1, 3, 18, 2\)"),
        ({"keypoint_score": np.ones((1, 2, 17))}, r"be numbers \(1, 3, 17\), got \(1, 2, 17\)"),
        ({"keypoint_score": None}, r"be numbers \(1, 3, 17\), got None"),
        ({"keypoint_score": NESTED}, r"be numbers \(1, 3, 17\), got \[\["),
        ({"keypoint": NESTED}, "must have its keypoints in the file"),
        ({"label": "vault"}, "'label' must be a whole number, got 'vault'"),
        ({"label": NESTED}, r"'label' must be a whole number, got \[\["),
        ({"label": 10**5000}, "'label' must be a whole number, got a whole number of 16610 bits"),
    ],
)
def test_a_wrong_annotation_is_refused_by_file_and_clip(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    content = make_file(make_annotation("a", **changes), train=["a"])
    path = write_file(tmp_path / "gym.pkl", content)

    with pytest.raises(ValueError, match=f"gym.pkl, clip a: .*{problem}"):
        load_all(scan_pyskl(path, one_person))


def test_annotations_whose_keypoints_lie_in_other_files_are_refused(tmp_path: Path) -> None:
    annotation = make_annotation("a", raw_file="data/k400/a.pkl", box_score=np.ones(3))
    del annotation["keypoint"], annotation["keypoint_score"]
    path = write_file(tmp_path / "k400.pkl", make_file(annotation, val=["a"]))

    with pytest.raises(ValueError, match=r"must have its keypoints in the file.*'raw_file'"):
        load_all(scan_pyskl(path, one_person))


@pytest.mark.parametrize(
    "image", [None, (720,), (0, 1280), ("720", "1280"), 720, (10**400, 1280), NESTED]
)
def test_scaling_needs_the_size_of_the_image(image: object) -> None:
    with pytest.raises(
        ValueError, match=r"clip a: 'img_shape' must be a positive height and width"
    ):
        to_points(make_annotation("a", img_shape=image), persons=1, coordinates="scaled")


def test_a_folder_without_pickles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no files \*\.pkl"):
        scan_pyskl(tmp_path / "missing", one_person)


@given(damage=damages)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_damaged_file_gives_clips_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, damage: Damage
) -> None:
    content = make_file(make_annotation("a"), make_annotation("b"), train=["a"], val=["b"])
    folder = tmp_path_factory.mktemp("gym")
    path = damage.write(folder / "damaged_gym.pkl", pickle.dumps(content))

    problem = problem_with(lambda: GYM99.scan(path), GYM99.info)

    assert not problem or "damaged_gym.pkl" in problem or "gym99" in problem

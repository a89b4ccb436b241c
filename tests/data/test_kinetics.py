import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import DATASETS
from data.kinetics import KINETICS, scan_kinetics
from data.preparation import prepare
from tests.data.damage import Damage, damages, problem_with
from tests.data.stores import load_all


def make_person(value: float = 0.75, score: float = 0.5) -> dict[str, list[float]]:
    return {"pose": [value] * 36, "score": [score] * 18}


def make_frame(index: int, *persons: dict[str, list[float]]) -> dict[str, object]:
    return {"frame_index": index, "skeleton": list(persons)}


def write_clip(
    raw: Path, part: str, name: str, frames: object, *, label: int = 3, **entry: object
) -> Path:
    """A clip and its entry in the label file."""
    path = raw / f"kinetics_{part}" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": frames, "label": "archery", "label_index": label}))
    for other in ("train", "val"):
        labels = raw / f"kinetics_{other}_label.json"
        entries = json.loads(labels.read_text()) if labels.is_file() else {}
        if other == part:
            entries[name] = {"has_skeleton": True, "label": "archery", "label_index": label} | entry
        labels.write_text(json.dumps(entries))
    return path


def load_one(raw: Path) -> np.ndarray:
    (clip,) = load_all(scan_kinetics(raw))
    return clip.skeleton


def test_clips_come_by_name_train_before_val(tmp_path: Path) -> None:
    for part, name, label in [("val", "a", 5), ("train", "c", 0), ("train", "b", 399)]:
        write_clip(tmp_path, part, name, [make_frame(0, make_person())], label=label)

    clips = load_all(scan_kinetics(tmp_path))

    assert [(clip.name, clip.label, clip.part) for clip in clips] == [
        ("b", 399, "train"),
        ("c", 0, "train"),
        ("a", 5, "val"),
    ]


def test_points_are_shifted_to_the_middle_with_y_upwards(tmp_path: Path) -> None:
    person = make_person()
    person["pose"][6:8] = [0.25, 0.875]
    write_clip(tmp_path, "train", "a", [make_frame(0, person)])

    frames = load_one(tmp_path)

    assert frames[0, 0, 3].tolist() == [-0.25, -0.375, 0.5]
    assert frames[0, 0, 4].tolist() == [0.25, -0.25, 0.5]


def test_a_joint_without_score_is_absent(tmp_path: Path) -> None:
    person = make_person()
    person["score"][7] = 0.0
    write_clip(tmp_path, "train", "a", [make_frame(0, person)])

    frames = load_one(tmp_path)

    assert frames[0, 0].any(axis=-1).tolist() == [joint != 7 for joint in range(18)]


def test_the_frame_index_is_the_frame_and_gaps_are_zero(tmp_path: Path) -> None:
    indices = [1, 4, 2]
    data = [make_frame(index, make_person(index / 8)) for index in indices]
    write_clip(tmp_path, "train", "a", [*data, make_frame(6), make_frame(300, make_person())])

    frames = load_one(tmp_path)

    assert frames.shape == (7, 2, 18, 3)
    assert frames[:, 0].any(axis=(1, 2)).tolist() == [i in indices for i in range(7)]
    assert frames[indices, 0, 0, 0].tolist() == [index / 8 - 0.5 for index in indices]


def test_of_five_persons_in_a_frame_the_two_with_the_highest_scores_are_kept(
    tmp_path: Path,
) -> None:
    scores = [0.25, 0.75, 0.125, 0.5, 0.375, 1.0]
    persons = [make_person(place / 8, score) for place, score in enumerate(scores)]
    write_clip(tmp_path, "train", "a", [make_frame(0, *persons), make_frame(1, persons[2])])

    frames = load_one(tmp_path)

    assert frames[0, :, 0, 2].tolist() == [0.75, 0.5]
    assert frames[0, :, 0, 0].tolist() == [1 / 8 - 0.5, 3 / 8 - 0.5]
    assert frames[1, :, 0, 2].tolist() == [0.125, 0]


def test_clips_without_skeletons_are_skipped_with_the_reason(tmp_path: Path) -> None:
    frames = [make_frame(0, make_person())]
    write_clip(tmp_path / "raw", "train", "a", frames)
    write_clip(tmp_path / "raw", "train", "b", [], has_skeleton=False).unlink()
    write_clip(tmp_path / "raw", "train", "c", [])
    write_clip(tmp_path / "raw", "val", "d", [make_frame(3)])

    store = prepare(DATASETS["kinetics"], tmp_path / "raw", tmp_path)

    assert store.names.tolist() == ["a"]
    assert store.manifest["skipped"] == [
        {"name": "b", "reason": "no frames"},
        {"name": "c", "reason": "no frames"},
        {"name": "d", "reason": "no body in any frame"},
    ]


def test_the_published_val_is_test_and_every_twentieth_training_clip_val(tmp_path: Path) -> None:
    names = [f"train{number:02d}" for number in range(21)]
    for name in names:
        write_clip(tmp_path / "raw", "train", name, [make_frame(0, make_person())])
    write_clip(tmp_path / "raw", "val", "other", [make_frame(0, make_person())])

    store = prepare(DATASETS["kinetics"], tmp_path / "raw", tmp_path)

    assert store.names[store.split("split", "val")].tolist() == ["train19"]
    assert store.names[store.split("split", "test")].tolist() == ["other"]
    assert len(store.split("split", "train")) == 20


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ({"a": 1}, "'data' must be a list, got dict"),
        ([3], "frame 0 of 'data' must be an object"),
        ([make_frame(-1)], "'frame_index' must be a whole number from 0, got -1"),
        ([make_frame(0), make_frame(1.5)], "frame 1 of 'data': 'frame_index' .* got 1.5"),
        ([{"frame_index": 0, "skeleton": 4}], "'skeleton' must be a list, got int"),
        ([make_frame(0, {"pose": [0.5] * 36})], "must have 'pose' .* and 'score'"),
        ([make_frame(0, {"pose": [0.5] * 34, "score": [1] * 18})], r"'pose' has the shape \(34,\)"),
        (
            [
                make_frame(0, make_person()),
                make_frame(1, {"pose": [[0.5] * 36], "score": [1] * 18}),
            ],
            r"frame 1 of 'data': .* 'pose' has the shape \(1, 36\)",
        ),
        ([make_frame(0, make_person()), make_frame(1, 7)], "frame 1 of 'data': a person must have"),
        ([make_frame(0, {"pose": [0.5] * 36, "score": ["x"] * 18})], "must have 'pose'"),
        ([make_frame(0, make_person(float("nan")))], "must be between -1e30 and 1e30"),
        ([make_frame(0, make_person(0.5, float("inf")))], "must be between -1e30 and 1e30"),
    ],
)
def test_a_wrong_clip_is_refused_by_file_and_frame(
    tmp_path: Path, frames: object, problem: str
) -> None:
    write_clip(tmp_path, "train", "a", frames)

    with pytest.raises(ValueError, match=f"kinetics_train/a.json: .*{problem}"):
        load_all(scan_kinetics(tmp_path))


def test_a_clip_of_another_label_than_in_the_label_file_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path, "val", "a", [], label_index=4)

    with pytest.raises(ValueError, match=r"a.json: 'label_index' must be .* file, 4, got 3"):
        load_all(scan_kinetics(tmp_path))


def test_an_unknown_label_is_refused_with_the_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "raw", "val", "a", [make_frame(0, make_person())], label=400)

    with pytest.raises(ValueError, match=r"clip a: label must be in 0\.\.399, got 400"):
        prepare(DATASETS["kinetics"], tmp_path / "raw", tmp_path)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"has_skeleton": 1}, "must have 'has_skeleton'"),
        ({"label_index": "3"}, "must have 'has_skeleton'"),
    ],
)
def test_a_wrong_entry_of_the_label_file_is_refused(
    tmp_path: Path, entry: dict[str, object], problem: str
) -> None:
    write_clip(tmp_path, "train", "a", [], **entry)

    with pytest.raises(ValueError, match=f"kinetics_train_label.json, clip a: {problem}"):
        load_all(scan_kinetics(tmp_path))


def test_a_missing_label_file_and_a_missing_clip_are_refused_by_name(tmp_path: Path) -> None:
    write_clip(tmp_path, "train", "a", []).unlink()

    with pytest.raises(ValueError, match=r"kinetics_train/a.json: not a JSON file: .*No such file"):
        load_all(scan_kinetics(tmp_path))
    (tmp_path / "kinetics_val_label.json").unlink()
    with pytest.raises(ValueError, match=r"no label file .*kinetics_val_label.json"):
        scan_kinetics(tmp_path)


numbers = st.floats(0, 1, width=16)
persons = st.builds(
    lambda pose, score: {"pose": pose, "score": score},
    st.lists(numbers, min_size=36, max_size=36),
    st.lists(numbers, min_size=18, max_size=18),
)
clips = st.dictionaries(st.integers(0, 310), st.lists(persons, max_size=3), max_size=3)


@given(frames=clips)
@settings(max_examples=25, deadline=None)
def test_a_clip_that_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, frames: dict[int, list[dict[str, list[float]]]]
) -> None:
    raw = tmp_path_factory.mktemp("kinetics")
    write_clip(raw, "train", "a", [make_frame(index, *found) for index, found in frames.items()])

    found = load_one(raw)

    told = {index: people for index, people in frames.items() if index < 300}
    assert len(found) == max(told, default=-1) + 1
    for index, frame in enumerate(found):
        ranked = sorted(told.get(index, []), key=lambda person: -sum(person["score"]))
        scores = [person["score"] for person in ranked[:2]]
        expected = scores + [[0] * 18] * (2 - len(scores))
        np.testing.assert_array_equal(frame[..., 2], np.array(expected))


@given(damage=damages, file=st.sampled_from(["kinetics_train/a.json", "kinetics_train_label.json"]))
@settings(max_examples=120, deadline=None)
def test_a_damaged_file_gives_clips_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, damage: Damage, file: str
) -> None:
    raw = tmp_path_factory.mktemp("kinetics")
    write_clip(raw, "train", "a", [make_frame(0, make_person()), make_frame(2, make_person())])
    damage.write(raw / file, (raw / file).read_bytes())

    problem = problem_with(lambda: scan_kinetics(raw), KINETICS.info)

    assert not problem or "kinetics" in problem

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from data import DATASETS
from data.fsd10 import FSD10, open_frames, scan_fsd10
from data.preparation import prepare
from tests.data.damage import Damage, damages, problem_with
from tests.data.stores import load_all


def make_frames(*lengths: int, padded: int = 9) -> np.ndarray:
    """(N, 3, T, 25, 1): coordinates whose sums are negative, then zeros."""
    rng = np.random.default_rng(len(lengths))
    frames = np.zeros((len(lengths), 3, padded, 25, 1), dtype=np.float32)
    for clip, length in zip(frames, lengths, strict=True):
        clip[:, :length] = rng.uniform(-1, -0.1, size=(3, length, 25, 1))
    return frames


def write_part(folder: Path, part: str, frames: np.ndarray, labels: list[object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{part}_data.npy", frames)
    names = [f"{part}{number:03d}" for number in range(len(labels))]
    (folder / f"{part}_label.pkl").write_bytes(pickle.dumps((names, labels), protocol=2))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_part(tmp_path / "raw", "train", make_frames(3, 9, 5), [0, 9, 0])
    write_part(tmp_path / "raw", "test", make_frames(4, 1), [np.int64(2), 1])
    return tmp_path / "raw"


def test_clips_end_at_their_last_frame_with_anything_in_it(raw: Path) -> None:
    clips = load_all(scan_fsd10(raw))

    assert [len(clip.skeleton) for clip in clips] == [3, 9, 5, 4, 1]
    assert [clip.label for clip in clips] == [0, 9, 0, 2, 1]
    assert [clip.part for clip in clips] == ["train"] * 3 + ["test"] * 2
    expected = make_frames(4, 1)[0, :, :4].transpose(1, 3, 2, 0)
    np.testing.assert_array_equal(clips[3].skeleton, expected)


def test_a_frame_of_zeros_inside_a_clip_is_kept(raw: Path) -> None:
    frames = make_frames(6, 1)
    frames[0, :, 2] = 0
    write_part(raw, "test", frames, [0, 0])

    clip = load_all(scan_fsd10(raw))[3]

    assert len(clip.skeleton) == 6
    assert not clip.skeleton[2].any()


def test_the_store_has_the_published_test_clips_and_every_tenth_of_a_class_as_val(
    tmp_path: Path,
) -> None:
    write_part(tmp_path / "raw", "train", make_frames(*[2] * 21), [4] * 10 + [5] * 11)
    write_part(tmp_path / "raw", "test", make_frames(2, 0), [4, 5])

    store = prepare(DATASETS["fsd10"], tmp_path / "raw", tmp_path)

    assert store.names[store.split("split", "val")].tolist() == ["train009", "train019"]
    assert store.names[store.split("split", "test")].tolist() == ["test000"]
    assert store.manifest["skipped"] == [{"name": "test001", "reason": "no frames"}]


def test_the_frames_are_mapped_and_opened_once_until_they_are_replaced(raw: Path) -> None:
    load_all(scan_fsd10(raw))

    frames = open_frames(raw / "train_data.npy")

    assert isinstance(frames, np.memmap)
    assert open_frames(raw / "train_data.npy") is frames
    (raw / "train_data.npy").unlink()
    np.save(raw / "train_data.npy", frames[::-1])
    os.utime(raw / "train_data.npy", ns=(0, 0))
    assert [len(clip.skeleton) for clip in load_all(scan_fsd10(raw))[:3]] == [5, 9, 3]


def test_names_of_bytes_are_decoded(raw: Path) -> None:
    (raw / "test_label.pkl").write_bytes(pickle.dumps((np.array([b"a", b"b"]), [0, 1])))

    assert [clip.name for clip in scan_fsd10(raw)[3:]] == ["a", "b"]


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("train_label.pkl", None, "no label file"),
        ("test_data.npy", None, "not an array"),
        ("train_data.npy", make_frames(3)[..., :24, :], r"must be \(N, 3, T, 25, 1\), got"),
        ("train_data.npy", make_frames(3).astype(int), "must be floating-point numbers, got int64"),
        ("train_data.npy", make_frames(3).astype(object), "not an array: arrays of objects"),
        ("train_label.pkl", ["a", "b", "c"], r"must be \(names, labels\), got list"),
        ("train_label.pkl", {"names": 1, "labels": 2}, r"must be \(names, labels\), got dict"),
        ("train_label.pkl", (np.array("a"), [1]), r"must be \(names, labels\), got tuple"),
        ("train_label.pkl", (["a"], [1]), "each of 3 clips, got 1 names and 1 labels"),
        ("test_label.pkl", (["a", "b"], [1, "2"]), "clip b: the label must be a number, got '2'"),
        ("test_label.pkl", (["a", ["b"]], [1, 2]), r"clip 1: the name must be text, got \['b'\]"),
    ],
)
def test_a_wrong_file_is_refused_by_name(
    raw: Path, file: str, content: object, problem: str
) -> None:
    path = raw / file
    path.unlink()
    if isinstance(content, np.ndarray):
        np.save(path, content)
    elif content is not None:
        path.write_bytes(pickle.dumps(content))

    with pytest.raises(ValueError, match=f"{file}.*{problem}|{problem}.*{file}"):
        load_all(scan_fsd10(raw))


@pytest.mark.parametrize(("label", "value"), [(10, -0.5), (0, np.nan)])
def test_an_unknown_label_and_a_coordinate_that_is_no_number_are_refused_with_the_clip(
    tmp_path: Path, label: int, value: float
) -> None:
    frames = make_frames(3)
    frames[0, 1, 2, 7] = value
    write_part(tmp_path / "raw", "train", frames, [label])
    write_part(tmp_path / "raw", "test", make_frames(3), [0])

    with pytest.raises(ValueError, match=r"clip train000: (label must be in|coordinates must be)"):
        prepare(DATASETS["fsd10"], tmp_path / "raw", tmp_path)


@given(damage=damages)
@settings(max_examples=60, deadline=None)
def test_damaged_frames_give_clips_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, damage: Damage
) -> None:
    folder = tmp_path_factory.mktemp("fsd10")
    for part in ("train", "test"):
        write_part(folder, part, make_frames(2, padded=2), [0])
    path = folder / "train_data.npy"
    damage.write(path, path.read_bytes())

    problem = problem_with(lambda: scan_fsd10(folder), FSD10.info)

    assert not problem or "train_data.npy" in problem or "clip train000" in problem

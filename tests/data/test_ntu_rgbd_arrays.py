import pickle
from pathlib import Path

import numpy as np
import pytest

from data.ntu_rgbd import NTU60, NTU120, scan_ntu60, scan_ntu120
from data.preparation import prepare
from tests.data.skeleton_files import clip_name
from tests.data.stores import clip_table, load_all

NUM_FRAMES = 12


def make_rows(num_clips: int) -> np.ndarray:
    """Clips (N, 12, 2, 25, 3) of 4, 5, 6 ... frames, the second person there in odd clips."""
    clips = np.random.default_rng(0).normal(size=(num_clips, NUM_FRAMES, 2, 25, 3))
    for number, clip in enumerate(clips):
        clip[4 + number % 8 :] = 0
        clip[:, 1] *= number % 2
    return clips.astype(np.float32)


def write_npz(path: Path, labels: dict[str, list[int]], num_classes: int = 60) -> np.ndarray:
    """Arrays as CTR-GCN makes them; returns the clips of all parts."""
    clips = make_rows(sum(map(len, labels.values())))
    arrays, first = {}, 0
    for part, own in labels.items():
        rows = clips[first : first + len(own)]
        arrays[f"x_{part}"] = rows.reshape(len(own), NUM_FRAMES, 150)
        arrays[f"y_{part}"] = np.eye(num_classes)[own]
        first += len(own)
    np.savez(path, **arrays)
    return clips


def write_npy(folder: Path, numbers: dict[str, list[int]], data: str = "data_joint") -> np.ndarray:
    """Arrays as 2s-AGCN makes them, of the clips of these numbers; returns the clips."""
    folder.mkdir(exist_ok=True)
    clips, first = make_rows(sum(map(len, numbers.values()))), 0
    for part, own in numbers.items():
        rows = clips[first : first + len(own)].transpose(0, 4, 1, 3, 2)
        np.save(folder / f"{part}_{data}.npy", rows)
        names = [f"{clip_name(number)}.skeleton" for number in own]
        labels = [number % 60 for number in own]
        (folder / f"{part}_label.pkl").write_bytes(pickle.dumps((names, labels)))
        first += len(own)
    return clips


def test_an_npz_file_gives_its_clips_without_the_zeros_after_them(tmp_path: Path) -> None:
    expected = write_npz(tmp_path / "NTU60_CS.npz", {"train": [3, 59], "test": [0]})

    clips = load_all(scan_ntu60(tmp_path / "NTU60_CS.npz"))

    assert [clip.name for clip in clips] == [
        "xsub_train_000000",
        "xsub_train_000001",
        "xsub_test_000000",
    ]
    assert [(clip.label, clip.part) for clip in clips] == [(3, "train"), (59, "train"), (0, "test")]
    for number, clip in enumerate(clips):
        assert type(clip.skeleton) is np.ndarray
        np.testing.assert_array_equal(clip.skeleton, expected[number, : 4 + number])


def test_an_npz_file_becomes_a_store_that_has_its_own_protocol_alone(tmp_path: Path) -> None:
    write_npz(tmp_path / "NTU60_CV.npz", {"train": [1] * 45 + [2] * 19, "test": [1, 2]})

    store = prepare(NTU60, tmp_path, tmp_path / "stores")

    assert store.split("xview", "val").tolist() == [19, 39]
    assert len(store.split("xview", "train")) == 62
    assert store.split("xview", "test").tolist() == [64, 65]
    assert len(store.split("xsub", "train", "val", "test")) == 0


def test_both_files_of_an_edition_make_a_store_with_both_protocols(tmp_path: Path) -> None:
    write_npz(tmp_path / "NTU120_CSub.npz", {"train": [119] * 20, "test": [0]}, num_classes=120)
    write_npz(tmp_path / "NTU120_CSet.npz", {"train": [7], "test": [0, 1]}, num_classes=120)
    write_npz(tmp_path / "NTU60_CS.npz", {"train": [7], "test": [0, 1]})

    store = prepare(NTU120, tmp_path, tmp_path / "stores")

    counts = {
        protocol: [len(store.split(protocol, split)) for split in ("train", "val", "test")]
        for protocol in ("xsub", "xset")
    }
    assert counts == {"xsub": [19, 1, 1], "xset": [1, 0, 2]}


@pytest.mark.parametrize("data", ["data_joint", "data"])
def test_a_folder_of_npy_files_gives_clips_with_the_numbers_of_their_names(
    tmp_path: Path, data: str
) -> None:
    expected = write_npy(tmp_path, {"train": [4801], "val": [62, 240]}, data)

    clips = load_all(scan_ntu60(tmp_path))

    assert [clip.name for clip in clips] == [clip_name(number) for number in (4801, 62, 240)]
    assert [tuple(clip[2:]) for clip in clips] == [
        (1, 1, 2, 1, "train"),
        (2, 1, 1, 1, "test"),
        (0, 3, 1, 1, "test"),
    ]
    for number, clip in enumerate(clips):
        np.testing.assert_array_equal(clip.skeleton, expected[number, : 4 + number])


def test_names_with_folders_and_without_endings_are_understood(tmp_path: Path) -> None:
    write_npy(tmp_path, {"train": [0, 1], "val": [240]})
    names = [f"../nturgb+d_skeletons/{clip_name(0)}.skeleton", clip_name(1)]
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps([names, np.array([0, 1])]))

    clips = scan_ntu120(tmp_path)
    assert [clip.name for clip in clips] == [clip_name(number) for number in (0, 1, 240)]


def test_clips_with_names_are_split_by_both_protocols(tmp_path: Path) -> None:
    write_npy(tmp_path, {"train": [0, 2040], "val": [240]})

    store = prepare(NTU60, tmp_path, tmp_path / "stores")

    assert store.subjects.tolist() == [1, 18, 3]
    splits = [store.split("xsub", split).tolist() for split in ("train", "val", "test")]
    assert splits == [[0], [1], [2]]
    assert len(store.split("xview", "test")) == 3


def test_every_20th_clip_of_a_class_is_val_however_classes_are_mixed() -> None:
    labels, parts = np.arange(400) % 7, np.repeat(["train", "test"], [300, 100])
    table = clip_table([0] * 400, labels=labels.tolist(), parts=parts.tolist())
    table = table._replace(names=np.array([f"xset_{number:06d}" for number in range(400)]))

    splits = NTU120.splits["xset"](table)

    assert set(splits[300:]) == {"test"}
    for label in range(7):
        of_label = splits[:300][labels[:300] == label]
        assert np.flatnonzero(of_label == "val").tolist() == [19, 39]
    assert set(NTU120.splits["xsub"](table)) == {""}


@pytest.mark.parametrize("name", ["NTU60_XS.npz", "NTU120_CSub.npz", "CS.npz"])
def test_an_npz_file_that_does_not_tell_its_protocol_is_refused(tmp_path: Path, name: str) -> None:
    write_npz(tmp_path / name, {"train": [1], "test": [0]})

    with pytest.raises(ValueError, match=rf"{name}: .*must be NTU60_{{CS,CV}}\.npz"):
        scan_ntu60(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"x_train": np.zeros((1, 12, 75))}, r"x_train must be floats .*got float64 \(1, 12, 75\)"),
        ({"x_test": np.zeros((1, 12, 150), dtype=int)}, "x_test must be floats"),
        ({"y_test": np.zeros((2, 60))}, r"y_test must be numbers \(1, 60\), got float64 \(2, 60\)"),
        ({"y_train": np.zeros((1, 60))}, r"y_train\[0\] must have a single 1"),
        ({"y_train": np.full((1, 60), np.nan)}, r"y_train\[0\] must have a single 1"),
        ({"y_train": np.array([[{}] * 60])}, "array y_train cannot be read"),
    ],
)
def test_an_npz_file_of_other_arrays_is_refused(
    tmp_path: Path, changes: dict[str, np.ndarray], problem: str
) -> None:
    x, y = np.ones((1, 12, 150)), np.eye(60)[:1]
    path = tmp_path / "NTU60_CS.npz"
    np.savez(path, **({"x_train": x, "y_train": y, "x_test": x, "y_test": y} | changes))

    with pytest.raises(ValueError, match=rf"NTU60_CS\.npz: .*{problem}"):
        load_all(scan_ntu60(path))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (([clip_name(0)], [0]), "must be .2 names, 2 labels"),
        ((["x"] * 2, [0, 0], [0, 0]), "must be .2 names, 2 labels"),
        ((np.array(2), np.array(2)), "must be .2 names, 2 labels"),
        ((2, 2), "must be .2 names, 2 labels"),
        ({"names": 2, "labels": 2}, "must be .2 names, 2 labels"),
        (([clip_name(0), clip_name(1)], [0, 2]), r"clip 1 must be of ntu60 .* and 2$"),
        (([clip_name(0), "S018C001P001R001A061"], [0, 60]), "clip 1 must be of ntu60"),
        (([clip_name(0), "S001"], [0, 1]), "the file name must have the form"),
        (([clip_name(0), clip_name(0)], [0, 0]), "clips must differ, got S001C001P001R001A001"),
        (([clip_name(0), [1]], [0, 1]), r"clip 1: the name must be text, got \[1\]"),
        (([clip_name(0), clip_name(1)], [0, np.ones(2)]), r"clip 1 .* and array \(2,\) of float64"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, content: object, problem: str) -> None:
    write_npy(tmp_path, {"train": [0, 1], "val": [240]})
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps(content))

    with pytest.raises(ValueError, match=problem):
        scan_ntu60(tmp_path)


def test_an_npy_file_of_another_shape_and_a_missing_label_file_are_refused(tmp_path: Path) -> None:
    write_npy(tmp_path, {"train": [0], "val": [240]})
    (tmp_path / "val_label.pkl").unlink()

    with pytest.raises(ValueError, match=r"val_label\.pkl: the names and labels must stand"):
        scan_ntu60(tmp_path)
    np.save(tmp_path / "val_data_joint.npy", np.zeros((1, 3, 12, 18, 2)))
    with pytest.raises(ValueError, match=r"val_data_joint\.npy: must be floats \(N, 3, T, 25, 2\)"):
        scan_ntu60(tmp_path)


@pytest.mark.parametrize("numbers", [{"train": [0]}, {"val": [0]}])
def test_a_part_alone_is_refused(tmp_path: Path, numbers: dict[str, list[int]]) -> None:
    write_npy(tmp_path, numbers)

    with pytest.raises(ValueError, match=rf"one array of each part.*, got {next(iter(numbers))}_"):
        scan_ntu60(tmp_path)


def test_an_array_of_one_part_twice_is_refused(tmp_path: Path) -> None:
    for data in ("data", "data_joint"):
        write_npy(tmp_path, {"train": [0], "val": [240]}, data)

    with pytest.raises(ValueError, match=r"got train_data_joint\.npy, train_data\.npy, val_data_j"):
        scan_ntu60(tmp_path)


@pytest.mark.parametrize("forms", [(0, 1), (0, 2), (1, 2), (2, 3)])
def test_a_folder_of_two_forms_is_refused_by_both(tmp_path: Path, forms: tuple[int, int]) -> None:
    names = ["NTU60_CS.npz", "train_data_joint.npy", "ntu60_3danno.pkl", f"{clip_name(0)}.skeleton"]
    one, other = (names[form] for form in forms)
    for name in (one, other):
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(ValueError, match=f"in two forms, .*{one} and .*{other}: name a file"):
        scan_ntu60(tmp_path)


def test_arrays_take_no_preprocessing(tmp_path: Path) -> None:
    write_npz(tmp_path / "NTU60_CS.npz", {"train": [1], "test": [0]})

    with pytest.raises(ValueError, match=r"NTU60_CS\.npz has been preprocessed.*got 'ctrgcn'"):
        scan_ntu60(tmp_path, preprocessing="ctrgcn")


def test_a_clip_of_zeros_keeps_one_frame_and_is_skipped(tmp_path: Path) -> None:
    x, y = np.zeros((1, 12, 150)), np.eye(60)[:1]
    path = tmp_path / "NTU60_CS.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x + 1, y_test=y)

    store = prepare(NTU60, path, tmp_path / "stores")

    assert store.manifest["skipped"] == [
        {"name": "xsub_train_000000", "reason": "no body in any frame"}
    ]
    assert NTU60.info.num_persons == store.frames.shape[1] == 2

import json
from pathlib import Path

import numpy as np
import pytest

from data.nw_ucla import NW_UCLA, scan_nw_ucla
from data.preparation import prepare
from tests.data.stores import clip_table, load_all


def write_sequence(folder: Path, name: str, **changes: object) -> Path:
    rng = np.random.default_rng(len(name))
    content = {
        "file_name": name,
        "skeletons": rng.normal(size=(3, 20, 3)).round(4).tolist(),
        "label": 7,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content | changes))
    return path


def test_a_file_becomes_a_clip_with_the_numbers_of_its_name(tmp_path: Path) -> None:
    path = write_sequence(tmp_path, "a08_s03_e02_v01")

    (clip,) = load_all(scan_nw_ucla(tmp_path))

    assert clip[0] == "a08_s03_e02_v01"
    assert clip[2:5] == (6, 3, 1)
    assert clip.skeleton.shape == (3, 1, 20, 3)
    expected = np.float32(json.loads(path.read_text())["skeletons"])
    np.testing.assert_array_equal(clip.skeleton[:, 0], expected)


def test_the_folder_above_the_sequences_is_accepted(tmp_path: Path) -> None:
    write_sequence(tmp_path / "sequences", "a08_s03_e02_v01")

    assert len(load_all(scan_nw_ucla(tmp_path))) == 1


def test_a_folder_without_sequences_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no files"):
        load_all(scan_nw_ucla(tmp_path))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"label": 8}, "label 8 for action 8"),
        ({"label": 0}, "label 0 for action 8"),
        ({"label": None}, "label None for action 8"),
        ({"skeletons": [[[0.0, 1.0, 2.0]] * 19]}, r"must be \(T, 20, 3\), got \(1, 19, 3\)"),
        ({"skeletons": [[[0.0, 1.0, 2.0]] * 20, [[0.0] * 3]]}, "must be numbers"),
        ({"skeletons": "none"}, "must be numbers"),
    ],
)
def test_a_damaged_sequence_is_refused_by_name(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    write_sequence(tmp_path, "a08_s03_e02_v01", **changes)

    with pytest.raises(ValueError, match=f"a08_s03_e02_v01.json.*{problem}"):
        load_all(scan_nw_ucla(tmp_path))


def test_a_truncated_file_is_refused_by_name(tmp_path: Path) -> None:
    path = write_sequence(tmp_path, "a08_s03_e02_v01")
    path.write_text(path.read_text()[:100])

    with pytest.raises(ValueError, match=r"a08_s03_e02_v01.json: not a JSON file"):
        load_all(scan_nw_ucla(tmp_path))


def test_a_coordinate_that_is_not_a_number_is_refused_by_name(tmp_path: Path) -> None:
    write_sequence(tmp_path / "raw", "a08_s03_e02_v01", skeletons=[[[float("nan")] * 3] * 20])

    with pytest.raises(ValueError, match="clip a08_s03_e02_v01: coordinates must be finite"):
        prepare(NW_UCLA, tmp_path / "raw", tmp_path)


def test_a_sequence_without_frames_is_skipped_with_the_reason(tmp_path: Path) -> None:
    write_sequence(tmp_path / "raw", "a08_s03_e02_v01", skeletons=[])
    write_sequence(tmp_path / "raw", "a08_s03_e03_v01")

    store = prepare(NW_UCLA, tmp_path / "raw", tmp_path)

    assert store.names.tolist() == ["a08_s03_e03_v01"]
    assert store.manifest["skipped"] == [{"name": "a08_s03_e02_v01", "reason": "no frames"}]


@pytest.mark.real_data
def test_the_real_data_set_has_its_published_counts(nw_ucla_raw: Path, tmp_path: Path) -> None:
    store = prepare(NW_UCLA, nw_ucla_raw, tmp_path)

    assert len(store) == 1484
    assert np.bincount(store.cameras).tolist() == [0, 516, 504, 464]
    assert len(store.split("xview", "train", "val")) == 1020
    assert [len(store.split("xview", name)) for name in ("train", "val", "test")] == [829, 191, 464]
    assert [len(store.split("xsub", name)) for name in ("train", "val", "test")] == [879, 160, 445]
    assert np.diff(store.offsets).min() == 1
    assert np.diff(store.offsets).max() == 201
    assert store.manifest["skipped"] == []


def test_no_subject_of_val_is_seen_in_training() -> None:
    subjects = np.tile(np.arange(1, 11), 3)
    cameras = np.repeat([1, 2, 3], 10)

    for rule in NW_UCLA.splits.values():
        splits = rule(clip_table(subjects, cameras=cameras))
        assert not set(subjects[splits == "val"]) & set(subjects[splits == "train"])

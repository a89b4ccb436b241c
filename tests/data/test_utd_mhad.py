from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from data.preparation import prepare
from data.utd_mhad import UTD_MHAD, scan_utd_mhad
from tests.data.stores import load_all


def write_sequence(folder: Path, name: str, frames: np.ndarray, variable: str = "d_skel") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}_skeleton.mat"
    savemat(path, {variable: frames})
    return path


def make_frames(length: int) -> np.ndarray:
    return np.random.default_rng(length).normal(size=(20, 3, length))


def test_a_file_becomes_a_clip_with_the_numbers_of_its_name(tmp_path: Path) -> None:
    frames = make_frames(4)
    write_sequence(tmp_path, "a27_s7_t3", frames)

    (clip,) = load_all(scan_utd_mhad(tmp_path))

    assert (clip.name, *clip[2:5]) == ("a27_s7_t3", 26, 7, 1)
    np.testing.assert_array_equal(clip.skeleton[2, 0], frames[:, :, 2].astype(np.float32))


def test_a_sequence_of_one_frame_is_read(tmp_path: Path) -> None:
    write_sequence(tmp_path / "skeleton", "a1_s1_t1", make_frames(1))

    (clip,) = load_all(scan_utd_mhad(tmp_path))

    assert clip.skeleton.shape == (1, 1, 20, 3)


@pytest.mark.parametrize(
    ("name", "frames", "variable", "problem"),
    [
        ("a28_s1_t1", make_frames(4), "d_skel", "action must be in 1..27, got 28"),
        ("a1_s1_t1", make_frames(4)[:19], "d_skel", r"must be \(20, 3, T\), got \(19, 3, 4\)"),
        ("a1_s1_t1", make_frames(4), "skeleton", "must have the variable 'd_skel'"),
    ],
)
def test_a_wrong_file_is_refused_by_name(
    tmp_path: Path, name: str, frames: np.ndarray, variable: str, problem: str
) -> None:
    write_sequence(tmp_path, name, frames, variable)

    with pytest.raises(ValueError, match=f"{name}_skeleton.mat.*{problem}"):
        load_all(scan_utd_mhad(tmp_path))


@pytest.mark.parametrize("kept", [0, 60, 300])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, kept: int) -> None:
    path = write_sequence(tmp_path, "a1_s1_t1", make_frames(4))
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(ValueError, match=r"a1_s1_t1_skeleton.mat: not a MATLAB 5 file"):
        load_all(scan_utd_mhad(tmp_path))


def test_a_file_name_of_another_form_is_refused(tmp_path: Path) -> None:
    write_sequence(tmp_path, "a1_sX_t1", make_frames(4))

    with pytest.raises(ValueError, match="file name must have the form"):
        load_all(scan_utd_mhad(tmp_path))


@pytest.mark.real_data
def test_the_real_data_set_has_its_published_counts(utd_mhad_raw: Path, tmp_path: Path) -> None:
    store = prepare(UTD_MHAD, utd_mhad_raw, tmp_path)

    assert len(store) == 861
    assert len(store.split("xsub", "train", "val")) == 431
    assert [len(store.split("xsub", name)) for name in ("train", "val", "test")] == [323, 108, 430]
    assert len(set(store.labels.tolist())) == len(UTD_MHAD.info.classes) == 27
    assert np.diff(store.offsets).min() == 41
    assert np.diff(store.offsets).max() == 125


@pytest.mark.real_data
def test_bones_join_neighbouring_joints_of_the_real_skeleton(
    utd_mhad_raw: Path, tmp_path: Path
) -> None:
    store = prepare(UTD_MHAD, utd_mhad_raw, tmp_path)
    children, parents = np.array(store.info.edges).T

    lengths = np.linalg.norm(store.frames[:, 0, children] - store.frames[:, 0, parents], axis=-1)

    assert np.median(lengths, axis=0).max() < 0.5
    assert np.median(lengths, axis=0).min() > 0.02

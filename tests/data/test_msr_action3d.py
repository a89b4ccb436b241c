from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from data import DATASETS
from data.msr_action3d import ACTION_SETS, MSR_ACTION3D, scan_msr_action3d
from data.preparation import prepare
from tests.data.damage import Damage, damages, problem_with
from tests.data.stores import clip_table, load_all

ENDING = "_skeleton3D.txt"


def make_frames(length: int) -> np.ndarray:
    return np.random.default_rng(length).normal(size=(length, 20, 3)).round(6)


def write_sequence(folder: Path, name: str, frames: np.ndarray) -> Path:
    rows = frames.reshape(-1, 3)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{ENDING}"
    path.write_text("".join(f"{x:.6f} {y:.6f} {z:.6f} 0.500000\r\n" for x, y, z in rows))
    return path


def test_a_file_becomes_a_clip_with_the_numbers_of_its_name(tmp_path: Path) -> None:
    frames = make_frames(3)
    write_sequence(tmp_path, "a20_s07_e03", frames)

    (clip,) = load_all(scan_msr_action3d(tmp_path))

    assert (clip.name, *clip[2:4]) == ("a20_s07_e03", 19, 7)
    np.testing.assert_array_equal(clip.skeleton[:, 0], frames.astype(np.float32))


def test_the_folder_above_the_files_is_accepted(tmp_path: Path) -> None:
    write_sequence(tmp_path / "MSRAction3DSkeletonReal3D", "a01_s01_e01", make_frames(2))

    assert len(scan_msr_action3d(tmp_path)) == 1


@pytest.mark.parametrize("protocol", ACTION_SETS)
def test_odd_subjects_train_nine_is_val_and_even_ones_test(protocol: str) -> None:
    actions, subjects = np.divmod(np.arange(200), 10)
    clips = clip_table((subjects + 1).tolist(), labels=actions.tolist())

    splits = MSR_ACTION3D.splits[protocol](clips)

    kept = np.isin(actions + 1, ACTION_SETS[protocol])
    assert set(splits[~kept]) <= {""}
    found = {name: set(clips.subjects[splits == name]) for name in ("train", "val", "test")}
    assert found == {"train": {1, 3, 5, 7}, "val": {9}, "test": {2, 4, 6, 8, 10}}
    assert (splits == "").sum() == (~kept).sum()


def test_the_three_sets_have_eight_actions_each_and_all_together() -> None:
    sets = [ACTION_SETS[name] for name in ("as1", "as2", "as3")]

    assert [len(actions) for actions in sets] == [8, 8, 8]
    assert {action for actions in sets for action in actions} == set(range(1, 21))


def test_excluded_clips_are_left_out(tmp_path: Path) -> None:
    for name in ("a01_s01_e01", "a01_s01_e02", "a01_s01_e03"):
        write_sequence(tmp_path / "raw", name, make_frames(2))
    exclude = tmp_path / "exclude.txt"
    exclude.write_text(f"a01_s01_e01\na01_s01_e03{ENDING}\n")

    clips = scan_msr_action3d(tmp_path / "raw", exclude=exclude)

    assert [clip.name for clip in clips] == ["a01_s01_e02"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [(None, "no file of names"), ("a02_s01_e01\n", "not in .*: a02_s01_e01")],
)
def test_a_list_of_excluded_clips_that_cannot_be_right_is_refused(
    tmp_path: Path, names: str | None, problem: str
) -> None:
    write_sequence(tmp_path, "a01_s01_e01", make_frames(2))
    exclude = tmp_path / "exclude.txt"
    if names is not None:
        exclude.write_text(names)

    with pytest.raises(ValueError, match=problem):
        scan_msr_action3d(tmp_path, exclude=exclude)


def test_a_list_of_excluded_clips_that_was_changed_is_noticed(tmp_path: Path) -> None:
    for name in ("a01_s01_e01", "a01_s01_e02"):
        write_sequence(tmp_path / "raw", name, make_frames(2))
    exclude = tmp_path / "exclude.txt"
    exclude.write_text("a01_s01_e01\n")
    first = prepare(MSR_ACTION3D, tmp_path / "raw", tmp_path, exclude=exclude)
    again = prepare(MSR_ACTION3D, tmp_path / "raw", tmp_path, exclude=exclude)

    exclude.write_text("a01_s01_e02\n")

    assert first.digest == again.digest
    with pytest.raises(ValueError, match=r"was prepared as .*overwrite it"):
        prepare(MSR_ACTION3D, tmp_path / "raw", tmp_path, exclude=exclude)


@pytest.mark.parametrize(
    ("name", "frames", "problem"),
    [
        ("a21_s01_e01", make_frames(1), r"action must be in 1\.\.20, got 21"),
        ("a01_s01_e01", make_frames(2).reshape(-1, 3)[:-1], "20 rows a frame, got 39 rows"),
        ("a01_s01_e01", np.full((1, 20, 3), np.nan), "line 1: numbers must be between"),
        ("a01_sX_e01", make_frames(1), "file name must have the form"),
    ],
)
def test_a_wrong_file_is_refused_by_name(
    tmp_path: Path, name: str, frames: np.ndarray, problem: str
) -> None:
    write_sequence(tmp_path, name, frames)

    with pytest.raises(ValueError, match=f"{name}{ENDING}.*{problem}"):
        load_all(scan_msr_action3d(tmp_path))


def test_a_line_without_confidence_is_refused_with_its_number(tmp_path: Path) -> None:
    path = write_sequence(tmp_path, "a01_s01_e01", make_frames(1))
    path.write_text(path.read_text() + "1.0 2.0 3.0\n")

    with pytest.raises(ValueError, match=r"line 21: must be 4 numbers, got 3"):
        load_all(scan_msr_action3d(tmp_path))


@given(damage=damages)
@settings(max_examples=80, deadline=None)
def test_a_damaged_file_gives_a_clip_or_a_value_error_that_names_it(
    tmp_path_factory: pytest.TempPathFactory, damage: Damage
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged_msr_action3d"
    path = write_sequence(folder, "a01_s01_e01", make_frames(2))
    damage.write(path, path.read_bytes())

    problem = problem_with(lambda: scan_msr_action3d(folder), MSR_ACTION3D.info)

    assert not problem or f"a01_s01_e01{ENDING}" in problem


def test_a_clip_of_zeros_and_an_empty_file_are_skipped_with_the_reason(tmp_path: Path) -> None:
    write_sequence(tmp_path / "raw", "a13_s09_e01", make_frames(2))
    write_sequence(tmp_path / "raw", "a13_s09_e02", np.zeros((2, 20, 3)))
    write_sequence(tmp_path / "raw", "a13_s09_e03", make_frames(0))

    store = prepare(DATASETS["msr_action3d"], tmp_path / "raw", tmp_path)

    assert store.names.tolist() == ["a13_s09_e01"]
    reasons = [skipped["reason"] for skipped in store.manifest["skipped"]]
    assert reasons == ["no body in any frame", "no frames"]

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from data.sbu import FOLDS, SBU, scan_sbu
from tests.data.damage import Damage, damages, problem_with
from tests.data.stores import clip_table, load_all


def make_frames(length: int) -> np.ndarray:
    return np.random.default_rng(length).uniform(size=(length, 2, 15, 3)).round(5)


def write_sequence(raw: Path, place: str, frames: np.ndarray) -> Path:
    folder = raw / place
    folder.mkdir(parents=True)
    path = folder / "skeleton_pos.txt"
    lines = [
        ",".join([str(number), *(f"{value:.5f}" for value in frame.ravel())])
        for number, frame in enumerate(frames, start=1)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_file_becomes_a_clip_with_the_numbers_of_its_folders(tmp_path: Path) -> None:
    frames = make_frames(4)
    write_sequence(tmp_path / "clean", "s03s05/08/002", frames)

    (clip,) = load_all(scan_sbu(tmp_path))

    assert (clip.name, *clip[2:4]) == ("s03s05_08_002", 7, 3)
    np.testing.assert_array_equal(clip.skeleton, frames.astype(np.float32))


def test_original_coordinates_keep_absent_joints_at_zero(tmp_path: Path) -> None:
    frames = make_frames(2)
    frames[0, 0, 0] = (0.5, 0.25, 0.5)
    frames[1, 1, 14] = 0
    write_sequence(tmp_path, "s01s02/01/001", frames)

    (clip,) = load_all(scan_sbu(tmp_path, coordinates="original"))

    assert clip.skeleton[0, 0, 0].tolist() == [0, 480, 640]
    assert clip.skeleton[1, 1, 14].tolist() == [0, 0, 0]


def test_clips_come_by_pair_action_and_take(tmp_path: Path) -> None:
    places = ["s02s01/01/001", "s01s02/02/001", "s01s02/01/002", "s01s02/01/001"]
    for place in places:
        write_sequence(tmp_path, place, make_frames(1))

    names = [clip.name for clip in scan_sbu(tmp_path)]

    assert names == sorted(place.replace("/", "_") for place in places)


def test_the_folds_are_the_21_pairs_each_once() -> None:
    pairs = [pair for fold in FOLDS for pair in fold]

    assert len(set(pairs)) == len(pairs) == 21
    assert not any(set(one) & set(other) for one, other in combinations(FOLDS, 2))


@pytest.mark.parametrize("protocol", SBU.splits)
def test_a_fold_is_test_and_the_next_one_val(protocol: str) -> None:
    pairs = [pair for fold in FOLDS for pair in fold]
    clips = clip_table([1] * 22)._replace(
        names=np.array([f"{p}_01_001" for p in [*pairs, "s09s08"]])
    )

    splits = SBU.splits[protocol](clips)

    fold = int(protocol.removeprefix("fold")) - 1
    assert splits[-1] == ""
    for number, members in enumerate(FOLDS):
        expected = {fold: "test", (fold + 1) % 5: "val"}.get(number, "train")
        found = {splits[pairs.index(pair)] for pair in members}
        assert found == {expected}


@pytest.mark.parametrize(
    ("place", "frames", "problem"),
    [
        ("s01s02/09/001", make_frames(1), r"action in 01\.\.08"),
        ("s01/01/001", make_frames(1), "must lie in sXXsYY/action/take"),
        ("s01s02/01/001", make_frames(1)[:, :, :14], "line 1: must be 91 numbers, got 85"),
        ("s01s02/01/001", np.full((1, 2, 15, 3), np.nan), "line 1: numbers must be between"),
    ],
)
def test_a_wrong_file_is_refused_by_name(
    tmp_path: Path, place: str, frames: np.ndarray, problem: str
) -> None:
    write_sequence(tmp_path, place, frames)

    with pytest.raises(ValueError, match=f"{place}/skeleton_pos.txt.*{problem}"):
        load_all(scan_sbu(tmp_path))


@given(damage=damages)
@settings(max_examples=80, deadline=None)
def test_a_damaged_file_gives_a_clip_or_a_value_error_that_names_it(
    tmp_path_factory: pytest.TempPathFactory, damage: Damage
) -> None:
    path = write_sequence(tmp_path_factory.mktemp("sbu"), "s01s02/01/001", make_frames(2))
    damage.write(path, path.read_bytes())

    problem = problem_with(lambda: scan_sbu(path.parents[3], coordinates="original"), SBU.info)

    assert not problem or "s01s02/01/001/skeleton_pos.txt" in problem


def test_the_same_clip_twice_is_refused(tmp_path: Path) -> None:
    for version in ("clean", "noisy"):
        write_sequence(tmp_path / version, "s01s02/01/001", make_frames(1))

    with pytest.raises(ValueError, match=r"clips must differ, got .*clean.* and .*noisy"):
        scan_sbu(tmp_path)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no files skeleton_pos\.txt below"):
        scan_sbu(tmp_path)


def test_unknown_coordinates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one of normalized, original, got 'metres'"):
        scan_sbu(tmp_path, coordinates="metres")

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.array_files import open_npy, open_npz

ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("array", [ARRAY, np.asfortranarray(ARRAY), ARRAY.astype(">f8")])
def test_an_array_is_mapped_from_either_file(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", first=np.zeros(5), second=array)

    for found in (open_npy(tmp_path / "a.npy"), open_npz(tmp_path / "a.npz", "second")):
        assert isinstance(found, np.memmap)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_a_compressed_array_is_read_as_a_whole(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=ARRAY)

    np.testing.assert_array_equal(open_npz(tmp_path / "a.npz", "x"), ARRAY)


def test_an_array_is_opened_once_until_its_file_is_replaced(tmp_path: Path) -> None:
    for time in range(2):
        np.save(tmp_path / "a.npy", ARRAY + time)
        np.savez(tmp_path / "a.npz", x=ARRAY + time)
        for path in tmp_path.iterdir():
            os.utime(path, ns=(time, time))

        assert open_npy(tmp_path / "a.npy") is open_npy(tmp_path / "a.npy")
        assert open_npz(tmp_path / "a.npz", "x") is open_npz(tmp_path / "a.npz", "x")
        np.testing.assert_array_equal(open_npy(tmp_path / "a.npy"), ARRAY + time)
        np.testing.assert_array_equal(open_npz(tmp_path / "a.npz", "x"), ARRAY + time)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_objects_and_absent_arrays_are_refused_by_name(tmp_path: Path, save: object) -> None:
    save(tmp_path / "a.npz", x=ARRAY, y=np.array([{}], dtype=object))

    with pytest.raises(ValueError, match=r"a\.npz: the array y cannot be read: .*[Oo]bject"):
        open_npz(tmp_path / "a.npz", "y")
    with pytest.raises(ValueError, match=r"z cannot be read: must be among x, y"):
        open_npz(tmp_path / "a.npz", "z")


def test_objects_and_absent_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object))

    with pytest.raises(ValueError, match=r"a\.npy: not an array: arrays of objects"):
        open_npy(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=r"b\.npy: not an array: .*No such file"):
        open_npy(tmp_path / "b.npy")


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_size_than_its_header_says_is_refused(
    tmp_path: Path, change: int
) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    content = (tmp_path / "a.npy").read_bytes() + b"\0"
    (tmp_path / "a.npy").write_bytes(content[: len(content) - 1 + change])

    with pytest.raises(ValueError, match=rf"must have 224 bytes, got {224 + change}"):
        open_npy(tmp_path / "a.npy")


def archive() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=ARRAY)
    return stream.getvalue()


ARCHIVE = archive()


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, len(ARCHIVE) - 1), value=st.integers(0, 255))
def test_a_damaged_archive_is_refused_or_gives_an_array(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("archive") / "a.npz"
    path.write_bytes(ARCHIVE[:place] + bytes([value]) + ARCHIVE[place + 1 :])
    try:
        found = open_npz(path, "x")
    except ValueError as error:
        found = error

    if isinstance(found, ValueError):
        assert str(found).startswith(f"{path}: the array x cannot be read: ")
    else:
        assert found.nbytes <= ARRAY.nbytes

import os
from pathlib import Path

import pytest

from data.file_cache import keep_unchanged


@keep_unchanged(2)
def read(path: Path, first: int = 0) -> list[bytes]:
    return [path.read_bytes()[first:]]


def test_a_file_is_read_once_while_it_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one")

    assert read(path) is read(path)
    assert read(path, 1) == [b"ne"]
    assert read(path) == [b"one"]


def test_a_file_of_another_size_or_time_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one")
    os.utime(path, ns=(0, 0))
    assert read(path) == [b"one"]

    path.write_bytes(b"longer")
    os.utime(path, ns=(0, 0))
    assert read(path) == [b"longer"]
    path.write_bytes(b"LONGER")
    os.utime(path, ns=(0, 1))
    assert read(path) == [b"LONGER"]


def test_a_file_that_replaces_another_is_read_again(tmp_path: Path) -> None:
    for name, content in (("a.txt", b"one"), ("b.txt", b"two")):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, ns=(0, 0))
    assert read(tmp_path / "a.txt") == [b"one"]

    (tmp_path / "b.txt").replace(tmp_path / "a.txt")

    assert read(tmp_path / "a.txt") == [b"two"]


def test_a_file_that_is_gone_is_told_by_its_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one")
    read(path)
    path.unlink()

    with pytest.raises(FileNotFoundError):
        read(path)

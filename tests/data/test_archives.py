import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest

from data import archives
from data.archives import RawFile, find_files

PATTERN = "S*.txt"


def write_zip(path: Path, members: dict[str, bytes], compression: int = ZIP_DEFLATED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_member(path: Path, member: ZipInfo, content: bytes = b"text") -> Path:
    with ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    return path


def test_folders_and_archives_are_searched_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "S2.txt").write_bytes(b"two")
    (tmp_path / "deep" / "other.txt").write_bytes(b"no")
    write_zip(tmp_path / "deep" / "a.zip", {"in/S3.txt": b"three", "in/x.txt": b"", "in/": b""})
    write_zip(tmp_path / "b.zip", {"S1.txt": b"one", "__MACOSX/._S1.txt": b"no"})

    files = find_files(tmp_path, PATTERN)

    assert [file.path.name for file in files] == ["S1.txt", "S2.txt", "S3.txt"]
    assert [file.size for file in files] == [3, 3, 5]
    assert [file.read() for file in files] == [b"one", b"two", b"three"]
    assert files[2].path == tmp_path / "deep" / "a.zip" / "in" / "S3.txt"


def test_an_archive_is_read_by_itself(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"S2.txt": b"two", "S1.txt": b"one"}, ZIP_STORED)

    assert [file.read() for file in find_files(archive, PATTERN)] == [b"one", b"two"]


def test_a_file_of_an_archive_can_be_sent_to_another_process(tmp_path: Path) -> None:
    (file,) = find_files(write_zip(tmp_path / "a.zip", {"S1.txt": b"one"}), PATTERN)

    sent = pickle.loads(pickle.dumps(file))

    assert sent == file
    assert sent.read() == b"one"


def test_an_archive_is_opened_once_by_each_process(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"S1.txt": b"one"})
    (file,) = find_files(archive, PATTERN)
    opened = archives._open(archive, os.getpid())

    file.read()

    assert archives._open(archive, os.getpid()) is opened
    assert archives._open(archive, -1) is not opened


def test_an_archive_that_was_replaced_is_opened_again(tmp_path: Path) -> None:
    for time, content in enumerate([b"one", b"two"]):
        archive = write_zip(tmp_path / "a.zip", {"S1.txt": content})
        os.utime(archive, ns=(time, time))

        assert [file.read() for file in find_files(archive, PATTERN)] == [content]


def test_names_with_backslashes_are_paths(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"skeletons\\S1.txt": b"one"})

    (file,) = find_files(tmp_path, PATTERN)

    assert file.path == tmp_path / "a.zip" / "skeletons" / "S1.txt"
    assert file.read() == b"one"


def test_folders_and_dangling_links_are_no_files(tmp_path: Path) -> None:
    for name in ("S1.txt", "a.zip"):
        (tmp_path / name).mkdir()
    for name in ("S2.txt", "b.zip"):
        (tmp_path / name).symlink_to(tmp_path / "gone")

    assert find_files(tmp_path, PATTERN) == []


def test_a_folder_without_such_files_has_none(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"x.txt": b""})

    assert find_files(tmp_path, PATTERN) == find_files(tmp_path / "absent", PATTERN) == []


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"S1.txt": b"one"})
    (tmp_path / "S1.txt").write_bytes(b"one")

    with pytest.raises(ValueError, match=r"must differ, got .*S1\.txt and .*S1\.txt"):
        find_files(tmp_path, PATTERN)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("S1.txt", b"one")
        archive.writestr("S1.txt", b"other")

    with pytest.raises(ValueError, match=r"must differ, got .*a\.zip/S1\.txt"):
        find_files(tmp_path, PATTERN)


def link() -> ZipInfo:
    member = ZipInfo("S1.txt")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        (ZipInfo("../S1.txt"), r"'\.\./S1\.txt' has a name that leads out of it"),
        (ZipInfo("in/../../S1.txt"), "leads out of it"),
        (ZipInfo("..\\S1.txt"), "leads out of it"),
        (ZipInfo("/etc/S1.txt"), "leads out of it"),
        (ZipInfo("C:\\S1.txt"), "leads out of it"),
        (link(), "is a symbolic link"),
    ],
)
def test_a_member_that_could_lead_elsewhere_is_refused(
    tmp_path: Path, member: ZipInfo, problem: str
) -> None:
    write_member(tmp_path / "a.zip", member)

    with pytest.raises(ValueError, match=rf"a\.zip: its member .*{problem}"):
        find_files(tmp_path, PATTERN)


def end_name(content: bytes) -> bytes:
    return content.replace(b"S1.txt_", b"S1.txt\0")


def set_flags(content: bytes) -> bytes:
    """The member said to be encrypted, in both of its headers."""
    local, central = content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8
    for place in (local, central):
        content = content[:place] + b"\x01" + content[place + 1 :]
    return content


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (set_flags, "is encrypted"),
        (end_name, "has a name with a null byte"),
    ],
)
def test_an_encrypted_or_disguised_member_is_refused(
    tmp_path: Path, damage: Callable[[bytes], bytes], problem: str
) -> None:
    path = write_zip(tmp_path / "a.zip", {"S1.txt_": b"text"})
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(ValueError, match=problem):
        find_files(tmp_path, "S*.txt*")


def test_a_member_that_grows_too_much_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"S1.txt": bytes(10**6)})

    with pytest.raises(ValueError, match=r"'S1\.txt' is compressed more than 200 times"):
        find_files(tmp_path, PATTERN)


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST_FILE", 9)
    write_zip(tmp_path / "a.zip", {"S1.txt": b"0123456789"})

    with pytest.raises(ValueError, match=r"S1\.txt: must have at most 9 bytes, got 10"):
        find_files(tmp_path, PATTERN)


def test_no_more_is_unpacked_than_was_declared(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"S1.txt": b"0123456789" * 50})
    declared, smaller = (500).to_bytes(4, "little"), (400).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(declared, smaller))
    (file,) = find_files(tmp_path, PATTERN)

    with pytest.raises(ValueError, match=r"'S1\.txt' cannot be read: Bad CRC-32"):
        file.read()


def test_a_name_that_is_no_utf_8_is_refused_with_the_archive(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"Sé.txt": b"text"})
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xff"))

    with pytest.raises(ValueError, match=r"a\.zip: not a zip archive: 'utf-8' codec"):
        find_files(tmp_path, PATTERN)


@pytest.mark.parametrize("place", [0, 35, 45])
def test_a_damaged_member_is_refused_by_name(tmp_path: Path, place: int) -> None:
    path = write_zip(tmp_path / "a.zip", {"S1.txt": b"0123456789" * 50})
    (file,) = find_files(tmp_path, PATTERN)
    content = path.read_bytes()
    path.write_bytes(content[:place] + b"\xff\xff" + content[place + 2 :])

    with pytest.raises(ValueError, match=r"a\.zip: its member 'S1\.txt' cannot be read"):
        file.read()


def test_a_file_that_has_changed_since_or_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "S1.txt").write_bytes(b"one")
    (file,) = find_files(tmp_path, PATTERN)
    (tmp_path / "S1.txt").write_bytes(b"other")

    with pytest.raises(ValueError, match=r"S1\.txt: must have 3 bytes, got 5"):
        file.read()
    (tmp_path / "S1.txt").unlink()
    with pytest.raises(ValueError, match=r"S1\.txt: cannot be read: No such file"):
        file.read()
    (tmp_path / "b.zip").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"b\.zip: not a zip archive"):
        find_files(tmp_path, PATTERN)
    with pytest.raises(ValueError, match="cannot be read"):
        RawFile(write_zip(tmp_path / "c.zip", {}), "S1.txt", 3).read()

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.engine.errors import StorageError
from orchestrator.home import Home
from orchestrator.storage.place import Place, is_elsewhere


def test_what_is_put_is_found_again(place: Place, tmp_path: Path):
    file = tmp_path / "a.txt"
    file.write_text("one")
    (place / "deep" / "er").put(file)

    (place / "deep").fetch(["er/a.txt"], tmp_path / "copy")

    assert (tmp_path / "copy" / "er" / "a.txt").read_text() == "one"
    assert (place.names(), (place / "deep").files()) == (["deep"], ["er/a.txt"])
    assert list((tmp_path / "copy" / "er").iterdir()) == [tmp_path / "copy" / "er" / "a.txt"]


def test_what_is_not_there_is_none_and_empty(place: Place):
    assert ((place / "a").read(), place.names(), place.files()) == (None, [], [])
    place.remove()


def test_an_object_is_created_once(place: Place):
    created = [(place / "a").create(content) for content in (b"one", b"two", b"one")]

    assert created == [True, False, True]
    assert (place / "a").read() == b"one"


def test_several_objects_are_read_in_the_order_of_their_names(place: Place):
    for name in "cab":
        (place / name).write(name.encode())

    assert place.contents(["b", "c", "a"]) == [b"b", b"c", b"a"]


def test_what_is_removed_is_gone_with_all_below(place: Place):
    (place / "a" / "b").write(b"")
    (place / "a" / "c" / "d").write(b"")

    (place / "a").remove()

    assert place.files() == []


def test_missing_folders_are_made_but_never_the_first(tmp_path: Path):
    place = Place(f"file://{tmp_path}")

    (place / "a" / "b" / "c").write(b"deep")

    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"deep"
    with pytest.raises(StorageError, match="there is no /nowhere"):
        Place("file:///nowhere/c").write(b"")


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("sftp://me:secret@host/dir", "FSSPEC_SFTP_PASSWORD"),
        ("nonsense://bucket", "Protocol not known"),
    ],
)
def test_a_uri_that_cannot_be_used_is_refused_in_one_line_without_its_password(uri, told):
    with pytest.raises(StorageError, match=told) as caught:
        Place.named(uri)

    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_storage_that_cannot_be_written_is_refused_with_a_remedy(tmp_path: Path):
    (tmp_path / "file").write_text("")
    home = Home(tmp_path, str(tmp_path / "file"))

    with pytest.raises(StorageError, match=r"file/studies: cannot write it: Not a directory; see"):
        home.require_writable()


@pytest.mark.parametrize(
    ("storage", "expected"),
    [("s3://bucket", True), ("memory://a", True), ("/mnt/x", False), ("file:///mnt/x", False)],
)
def test_paths_and_uris_are_told_apart(storage, expected):
    assert is_elsewhere(storage) == expected

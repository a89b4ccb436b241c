import contextlib
import io
import os
import pickle
import resource
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core.numeric import _frombuffer

from data.pickles import read_plain_pickle, shown, to_text

PLAIN = {
    "split": {"train": ["a", "b"], "test": ("c",)},
    "set": {1, 2},
    "numbers": [1, -(2**70), 0.5, 1 + 2j, True, None],
    "bytes": [b"", b"\x00\xff"],
    "joints": np.arange(24, dtype=np.float16).reshape(2, 3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big_endian": np.arange(3, dtype=">i4"),
    "names": np.array(["x", "yz"]),
    "scalar": np.float32(1.5),
    "flag": np.bool_(True),
    "objects": np.array([np.ones(2), "text", None], dtype=object),
    "nothing": np.zeros((0, 3)),
}


def write_pickle(folder: Path, content: object, protocol: int = 4) -> Path:
    path = folder / "clips.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def assert_same(found: object, expected: object) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, np.ndarray) and expected.dtype == object:
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert type(found) is np.ndarray
        assert found.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, expected)
    else:
        assert type(found) is type(expected)
        assert found == expected


class Calls:
    """An object whose pickle calls a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_come_back_from_every_protocol(tmp_path: Path, protocol: int) -> None:
    assert_same(read_plain_pickle(write_pickle(tmp_path, PLAIN, protocol)), PLAIN)


def test_the_names_of_numpy_1_are_known(tmp_path: Path) -> None:
    path = write_pickle(tmp_path, PLAIN["joints"], protocol=2)
    path.write_bytes(path.read_bytes().replace(b"numpy._core", b"numpy.core"))

    assert_same(read_plain_pickle(path), PLAIN["joints"])


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    # what Python 2.7 writes for (['b\xe9'], [3L], numpy.array([1.0, -2.0], '<f4')), protocol 2
    content = struct.pack("<2f", 1.0, -2.0)
    path = tmp_path / "label.pkl"
    path.write_bytes(
        b"\x80\x02]U\x02b\xe9a]\x8a\x01\x03a"
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x08" + content + b"tb\x87."
    )

    names, labels, values = read_plain_pickle(path)

    assert (names, labels) == (["bé"], [3])
    assert_same(values, np.array([1.0, -2.0], dtype=np.float32))


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (Calls(os.system, "touch harmed"), r"\w+\.system"),
        (Calls(eval, "open('harmed', 'w')"), r"\w+\.eval"),
        (Calls(getattr, "text", "upper"), r"\w+\.getattr"),
        (Calls(io.open, "harmed", "w"), r"_?io\.open"),
        ([{"a": (Calls(set, Calls(exec, "open('harmed', 'w')")),)}], r"\w+\.exec"),
        (np.array([Calls(os.system, "touch harmed")], dtype=object), r"\w+\.system"),
        (np.array([Path("a")], dtype=object), r"pathlib\.\w+"),
        (Path("a"), r"pathlib\.\w+"),
        (np.float32, "numpy.float32"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_name_that_is_not_known_is_refused_and_not_called(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: object,
    refused: str,
    protocol: int,
) -> None:
    path = write_pickle(tmp_path, content, protocol)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ValueError, match=rf"clips.pkl: not a pickle of plain.*refused.*{refused}"):
        read_plain_pickle(path)

    assert not Path("harmed").exists()


def test_a_name_with_dots_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clips.pkl"
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x14ndarray.__setstate__\x93.")

    with pytest.raises(ValueError, match=r"refused to load numpy\.ndarray.__setstate__"):
        read_plain_pickle(path)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (np.zeros(2, dtype=[("x", "f4")]), "V4"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "M8"),
        (np.zeros(2, dtype="V4"), "V4"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_records_and_dates_are_refused(
    tmp_path: Path, content: object, code: str, protocol: int
) -> None:
    with pytest.raises(ValueError, match=f"refused an array of type '{code}'"):
        read_plain_pickle(write_pickle(tmp_path, content, protocol))


def test_bytes_never_become_object_pointers(tmp_path: Path) -> None:
    # an object type whose state denies that it holds objects, over raw bytes
    path = tmp_path / "clips.pkl"
    path.write_bytes(
        b"\x80\x04\x8c\x15numpy.core.multiarray\x8c\x0c_reconstruct\x93"
        b"\x8c\x05numpy\x8c\x07ndarray\x93K\x00\x85C\x01b\x87R"
        b"(K\x01K\x01\x85\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02O8\x89\x88\x87R"
        b"(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89C\x08AAAAAAAAtb."
    )

    with pytest.raises(ValueError, match="not a pickle of plain data: TypeError"):
        read_plain_pickle(path)


@pytest.mark.parametrize("target", ["numpy\ndtype", "builtins\nset", "_codecs\nencode"])
def test_the_state_of_what_is_no_array_cannot_be_set(tmp_path: Path, target: str) -> None:
    path = tmp_path / "clips.pkl"
    path.write_bytes(b"\x80\x02c" + target.encode() + b"\nN}X\x01\x00\x00\x00aK\x01s\x86b.")

    with pytest.raises(ValueError, match="refused to set the state of a "):
        read_plain_pickle(path)


def test_an_encoding_other_than_latin_1_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clips.pkl"
    path.write_bytes(b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00utf-7\x86R.")

    with pytest.raises(ValueError, match="refused the encoding 'utf-7'"):
        read_plain_pickle(path)


def test_an_array_over_the_memory_of_another_array_is_refused(tmp_path: Path) -> None:
    class Over:
        def __reduce__(self) -> tuple[object, ...]:
            content = np.zeros(8, dtype=np.uint8)
            return _frombuffer, (content, np.dtype("u1"), (8,), "C")

    with pytest.raises(ValueError, match="refused an array over what is ndarray"):
        read_plain_pickle(write_pickle(tmp_path, Over()))


def test_what_is_shown_is_short_however_it_is_nested() -> None:
    nested: object = "text"
    for _ in range(40):
        nested = [nested, nested]
    objects = np.empty(1, dtype=object)
    objects[0] = nested

    assert shown(nested) == "[[[...], [...]], [[...], [...]]]"
    assert shown([objects]) == "[array (1,) of object]"
    assert shown({"label": 10**5000}) == "{'label': a whole number of 16610 bits}"
    assert len(shown("x" * 10**6)) < 100
    assert (shown(None), shown(-7), shown((1, 2.5))) == ("None", "-7", "(1, 2.5)")


@pytest.mark.parametrize("content", ["name", b"name", np.str_("name"), np.bytes_(b"name")])
def test_names_are_text_or_bytes(content: object) -> None:
    assert to_text(content, "a.pkl") == "name"
    with pytest.raises(ValueError, match=r"a\.pkl, clip 3: the name must be text, got 3"):
        to_text(3, "a.pkl, clip 3")


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.pkl: not a pickle.*No such file"):
        read_plain_pickle(tmp_path / "a.pkl")


@pytest.mark.parametrize("kept", [0, 1, 20, 0.5, -1])
def test_a_truncated_pickle_is_refused_by_name(tmp_path: Path, kept: float) -> None:
    path = write_pickle(tmp_path, PLAIN)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])

    with pytest.raises(ValueError, match=r"clips.pkl: not a pickle of plain data"):
        read_plain_pickle(path)


@pytest.mark.parametrize(
    "claim",
    [b"\x80\x05\x96\x00\x00\x00\x00\x10\x00\x00\x00abc.", b"\x80\x02Nr\xff\xff\xff\x7f(cset\n"],
    ids=["an array of 64 GiB", "an object with a large number"],
)
def test_no_memory_is_taken_for_what_a_file_only_claims(tmp_path: Path, claim: bytes) -> None:
    path = tmp_path / "clips.pkl"
    path.write_bytes(claim)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(ValueError, match="not a pickle of plain data"):
        read_plain_pickle(path)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (b"}", b"Ns"),
        (b"}(", b"Nu"),
        (b"(", b"Nd"),
        (b"\x8f(", b"\x90"),
        (b"(", b"\x91"),
        (b"cbuiltins\nset\n(", b"l\x85R"),
        (b"cbuiltins\nfrozenset\n(", b"l\x85R"),
    ],
    ids=["key", "keys", "keys at once", "set", "frozen set", "set made", "frozen set made"],
)
def test_what_would_take_for_ever_to_hash_is_refused(
    tmp_path: Path, begin: bytes, end: bytes
) -> None:
    nested: tuple[object, ...] = ()
    for _ in range(60):
        nested = (nested, nested)
    path = tmp_path / "clips.pkl"
    path.write_bytes(b"\x80\x04" + begin + pickle.dumps(nested, 2)[2:-1] + end + b".")

    with pytest.raises(ValueError, match="refused a tuple"):
        read_plain_pickle(path)


@given(place=st.integers(min_value=0), byte=st.integers(0, 255), protocol=st.sampled_from([2, 5]))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_damaged_byte_raises_a_value_error_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, protocol: int
) -> None:
    content = bytearray(pickle.dumps(PLAIN, protocol))
    content[place % len(content)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    path.write_bytes(content)

    with contextlib.suppress(ValueError):
        read_plain_pickle(path)

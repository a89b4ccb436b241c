import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.caching import CacheImpl

from data.skeleton_bytes import compiled, parse_bytes
from data.skeleton_text import Bodies, parse_skeleton_text
from tests.benchmarks.straightforward_skeleton_text import read_skeleton_lines
from tests.data.skeleton_files import (
    FIRST_ID,
    STATES,
    clip_name,
    format_skeleton,
    wave,
    waves,
    write_ntu_folder,
)

Lines = list[bytes]

COORDINATES = st.one_of(
    st.floats(-10, 10).map(lambda value: f"{value:.7g}"),
    st.floats(-1e-2, 1e-2).map(lambda value: f"{value:.7g}"),
    st.floats(-1e6, 1e6).map(repr),
    st.floats(-10, 10).map(lambda value: f"{value:.12f}"),
    st.integers(-100, 100).map(str),
    st.sampled_from(["-0.0", "+1.5", "5.", ".5", "-.5", "00.125", "1E-3"]),
)
BLANKS = st.sampled_from([" ", " ", " ", "  ", "\t", " \t"])
NEWLINES = st.sampled_from(["\n", "\r\n", " \n", " \r\n"])
BODY_COUNTS = st.lists(st.sampled_from([0, 1, 1, 1, 2, 11]), max_size=4)


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, Bodies]:
    """The text of a file whose numbers take a few forms, and its bodies by `float` and `int`."""
    counts = draw(BODY_COUNTS)
    pool = draw(st.lists(COORDINATES, min_size=1, max_size=9))
    blank, newline = draw(BLANKS), draw(NEWLINES)
    ids = draw(st.lists(st.integers(0, 2**64 - 1), min_size=sum(counts), max_size=sum(counts)))
    numbers = [pool[(7 * n) % len(pool)] for n in range(75 * sum(counts))]
    bodies = Bodies(
        np.zeros((len(counts), max(counts, default=0), 25, 3)),
        np.zeros((len(counts), max(counts, default=0)), dtype=np.uint64),
        np.array(counts, dtype=np.int64),
    )
    lines, body = [str(len(counts))], 0
    for frame, count in enumerate(counts):
        lines.append(str(count))
        for place in range(count):
            own = np.reshape(numbers[75 * body : 75 * (body + 1)], (25, 3)).tolist()
            lines += [f"{ids[body]} {STATES}", "25"]
            lines += [blank.join([*joint, "1.5", "nan", *"1234567"]) for joint in own]
            bodies.joints[frame, place] = [[float(text) for text in joint] for joint in own]
            bodies.ids[frame, place] = ids[body]
            body += 1
    return (newline.join(lines) + draw(st.sampled_from(["", newline]))).encode(), bodies


def assert_same(found: tuple[np.ndarray, ...], expected: tuple[np.ndarray, ...]) -> None:
    """Equal bit for bit, in shape and in type."""
    for one, other in zip(found, expected, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert one.tobytes() == other.tobytes()


@settings(max_examples=150, deadline=None)
@given(documents())
def test_what_was_written_is_read_bit_for_bit(document: tuple[bytes, Bodies]) -> None:
    content, expected = document

    assert_same(parse_skeleton_text(content, "a.skeleton"), expected)
    assert_same(read_skeleton_lines(content), expected)


MUTATED = format_skeleton([[wave(1, 0)], [], [wave(2, 1), wave(3, 0)]], newline="\r\n")


@settings(max_examples=400, deadline=None)
@given(
    place=st.integers(0, len(MUTATED)),
    removed=st.sampled_from([0, 1, 1, 1, 2, 40, 5000]),
    added=st.one_of(
        st.binary(max_size=3),
        st.text("0123456789.-+eE_ \n\r\t\x0b\x1c\xa0n", max_size=4).map(str.encode),
    ),
)
def test_damage_is_refused_by_name_or_read_as_line_by_line(
    place: int, removed: int, added: bytes
) -> None:
    content = MUTATED[:place] + added + MUTATED[place + removed :]
    try:
        expected = read_skeleton_lines(content.replace(b"_", b"x"))  # no digits, but for `float`
    except ValueError:
        with pytest.raises(ValueError, match=r"^a\.skeleton, line \d+: must be "):
            parse_skeleton_text(content, "a.skeleton")
    else:
        assert_same(parse_skeleton_text(content, "a.skeleton"), expected)


def test_files_of_the_usual_form_are_read_by_compiled_code(tmp_path: Path) -> None:
    for path in write_ntu_folder(tmp_path, 8):
        content = path.read_bytes()

        assert parse_bytes(content) is not None
        assert_same(parse_skeleton_text(content, path.name), read_skeleton_lines(content))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.text("0123456789", max_size=19), st.integers(-25, 25)), max_size=9))
def test_coordinates_with_exponents_are_read_as_by_float(parts: list[tuple[str, int]]) -> None:
    texts = [f"{digits[:1]}.{digits[1:]}e{power}" for digits, power in parts if digits] + ["-0e0"]
    joints = [[texts[(3 * joint + axis) % len(texts)] for axis in range(3)] for joint in range(25)]
    lines = ["1", "1", f"7 {STATES}", "25", *(" ".join([*joint, *"123456789"]) for joint in joints)]

    bodies = parse_skeleton_text("\n".join(lines).encode(), "a")

    expected = np.array([[float(text) for text in joint] for joint in joints])
    assert bodies.joints.tobytes() == expected.tobytes()


def test_the_compiler_is_loaded_where_text_is_parsed_and_nowhere_before() -> None:
    program = "import sys; from data import DATASETS; assert 'numba' not in sys.modules"

    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_a_place_to_keep_compiled_code_it_is_compiled_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])

    assert compiled(abs_of)(-3) == 3


def abs_of(number: int) -> int:
    return abs(number)


def test_written_clips_have_the_names_and_lengths_of_the_data_set(tmp_path: Path) -> None:
    paths = write_ntu_folder(tmp_path, 61)

    lengths = [int(path.read_bytes().split(maxsplit=1)[0]) for path in paths]
    assert 30 <= min(lengths) < np.median(lengths) < max(lengths) <= 300
    assert 70 < np.median(lengths) < 90
    assert paths[60].stem == clip_name(60) == "S001C001P001R002A001"


@pytest.mark.parametrize("newline", ["\n", "\r\n", " \n"])
def test_bodies_are_read_in_the_order_of_the_file(newline: str) -> None:
    bodies = parse_skeleton_text(format_skeleton(waves(), newline=newline), "a")

    assert bodies.joints.shape == (6, 3, 25, 3)
    assert bodies.counts.tolist() == [0, 2, 2, 2, 3, 2]
    assert not bodies.joints[0].any()
    assert not bodies.joints[3, 2].any()
    np.testing.assert_allclose(bodies.joints[4], waves()[4], rtol=1e-6)


def test_tracking_ids_are_read_exactly() -> None:
    ids = [[FIRST_ID], [2**64 - 1, 0], [FIRST_ID + 1]]
    frames = [[wave(0, 0)], [wave(1, 0), wave(1, 1)], [wave(2, 0)]]

    bodies = parse_skeleton_text(format_skeleton(frames, ids=ids), "a")

    assert bodies.ids.tolist() == [[FIRST_ID, 0], [2**64 - 1, 0], [FIRST_ID + 1, 0]]


@pytest.mark.parametrize("num_frames", [0, 3])
def test_a_file_may_be_without_frames_or_bodies(num_frames: int) -> None:
    bodies = parse_skeleton_text(format_skeleton([[]] * num_frames), "a")

    assert bodies.joints.shape == (num_frames, 0, 25, 3)


def test_lines_after_the_last_frame_are_not_read() -> None:
    content = format_skeleton([[wave(1, 0)]])

    for rest in (b"1\n", b"no skeleton\n", b"\n\n", format_skeleton(waves())):
        assert_same(parse_skeleton_text(content + rest, "a"), parse_skeleton_text(content, "a"))


def cut(line: int) -> Callable[[Lines], Lines]:
    return lambda lines: lines[:line]


def change(line: int, field: int, value: bytes) -> Callable[[Lines], Lines]:
    def changed(lines: Lines) -> Lines:
        fields = lines[line - 1].split()
        fields[field] = value
        return [*lines[: line - 1], b" ".join(fields), *lines[line:]]

    return changed


# Of the two frames of one body: 1 frames, 2 bodies, 3 states, 4 joints, 5-29 joints, 30 bodies ...
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (cut(0), "line 1: must be the number of frames, but the file ends"),
        (cut(2), "line 3: must be a body's states, but the file ends"),
        (cut(17), "line 18: must be a joint of 12 fields, but the file ends"),
        (cut(29), "line 30: must be the number of bodies, but the file ends"),
        (change(1, 0, b"two"), "line 1: must be the number of frames, got 'two'"),
        (change(1, 0, b"3"), "line 58: must be the number of bodies, but the file ends"),
        (change(1, 0, b"9" * 5000), "line 1: must be the number of frames, got '999"),
        (change(2, 0, b"-1"), "line 2: must be the number of bodies, got '-1'"),
        (change(3, 0, b"-7"), "line 3: must be a body's states, first its tracking id, got '-7 0"),
        (change(3, 0, b"9" * 20), r"line 3: must be a tracking id of at most 18446744073709551615"),
        (change(4, 0, b"20"), "line 4: must be the number of joints, 25, got 20"),
        (change(5, 11, b""), "line 5: must be a joint of 12 fields, got '0.59"),
        (change(40, 0, b"1 2"), "line 40: must be a joint of 12 fields, got '1 2 "),
        (change(6, 2, b"0,5"), "line 6: must be a joint with finite x, y and z, got '0.63"),
        (change(6, 0, b"1_0.5"), "line 6: must be a joint with finite x, y and z, got '1_0.5 "),
        (change(41, 0, b"nan"), "line 41: must be a joint with finite x, y and z, got 'nan "),
        (change(42, 1, b"1e999"), "line 42: must be a joint with finite x, y and z"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(
    damage: Callable[[Lines], Lines], problem: str
) -> None:
    lines = format_skeleton([[wave(1, 1)], [wave(2, 1)]]).splitlines()

    with pytest.raises(ValueError, match=rf"a\.skeleton, {problem}"):
        parse_skeleton_text(b"\n".join(damage(lines)), "a.skeleton")

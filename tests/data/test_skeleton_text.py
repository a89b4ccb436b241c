from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.skeleton_text import read_skeleton_text
from tests.data.skeleton_files import wave, waves, write_skeleton_file

Lines = list[bytes]


@pytest.mark.parametrize("newline", ["\n", "\r\n", " \n"])
def test_bodies_are_read_in_the_order_of_the_file(tmp_path: Path, newline: str) -> None:
    path = write_skeleton_file(tmp_path / "a.skeleton", waves(), newline=newline)

    bodies = read_skeleton_text(path)

    assert bodies.shape == (6, 3, 25, 3)
    assert not bodies[0].any()
    assert not bodies[3, 2].any()
    np.testing.assert_allclose(bodies[4], waves()[4], atol=1e-7)


@pytest.mark.parametrize("num_frames", [0, 3])
def test_a_file_may_be_without_frames_or_bodies(tmp_path: Path, num_frames: int) -> None:
    path = write_skeleton_file(tmp_path / "a.skeleton", [[]] * num_frames)

    assert read_skeleton_text(path).shape == (num_frames, 0, 25, 3)


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
        (change(2, 0, b"-1"), "line 2: must be the number of bodies, got '-1'"),
        (change(4, 0, b"20"), "line 4: must be the number of joints, 25, got 20"),
        (change(5, 11, b""), "line 5: must be a joint of 12 fields, got '0.59"),
        (change(40, 0, b"1 2"), "line 40: must be a joint of 12 fields, got '1 2 "),
        (change(6, 2, b"0,5"), "line 6: must be a joint with finite x, y and z, got '0.63"),
        (change(41, 0, b"nan"), "line 41: must be a joint with finite x, y and z, got 'nan "),
        (change(42, 1, b"1e999"), "line 42: must be a joint with finite x, y and z"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(
    tmp_path: Path, damage: Callable[[Lines], Lines], problem: str
) -> None:
    path = write_skeleton_file(tmp_path / "a.skeleton", [[wave(1, 1)], [wave(2, 1)]])
    path.write_bytes(b"\n".join(damage(path.read_bytes().splitlines())))

    with pytest.raises(ValueError, match=rf"a\.skeleton, {problem}"):
        read_skeleton_text(path)

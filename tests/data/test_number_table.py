from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.number_table import read_number_table

numbers = st.floats(min_value=-1e29, max_value=1e29, allow_nan=False)
tables = st.lists(st.lists(numbers, min_size=3, max_size=3), max_size=4)


def write_table(path: Path, rows: list[list[float]], separator: str, newline: str) -> Path:
    lines = [separator.join(map(repr, row)) for row in rows]
    path.write_bytes((newline.join(lines) + newline).encode())
    return path


@given(rows=tables, separator=st.sampled_from([None, ","]), newline=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=60, deadline=None)
def test_a_table_that_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[float]],
    separator: str | None,
    newline: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / "table.txt"
    write_table(path, rows, separator or " ", newline)

    found = read_number_table(path, 3, separator)

    assert found.shape == (len(rows), 3)
    assert found.tolist() == rows


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1 2", "must be 3 numbers, got 2"),
        ("1 2 1_0", "could not convert string to float: '1_0'"),
        ("1 2 x", "could not convert string to float: 'x'"),
        ("1 nan 3", "between -1e30 and 1e30, got nan"),
        ("1 2 1e31", r"between -1e30 and 1e30, got 1e\+31"),
        ("1 2 é", "could not convert"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "table.txt"
    path.write_text(f"1 2 3\n\n{line}\n", encoding="utf-8")

    with pytest.raises(ValueError, match=f"table.txt, line 3: .*{problem}"):
        read_number_table(path, 3)

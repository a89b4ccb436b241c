"""Clips of one's own tables."""

from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from data.own import ClipFields, OwnSkeleton, TableFiles
from tests.data.own_files import (
    BY_KEYS,
    JOINTS,
    LONG,
    long_rows,
    make_dataset,
    make_frames,
    read,
    scan,
    write_csv,
)

WIDE = TableFiles(files="*.csv", frame="frame")


def wide_rows(frames: np.ndarray, **columns: object) -> list[dict[str, object]]:
    """A row for each frame of person 0."""
    names = [f"{joint} {axis}" for joint in JOINTS for axis in "xyz"]
    return [
        {"frame": 0.04 * t, **columns, **dict(zip(names, frame.ravel().tolist(), strict=True))}
        for t, frame in enumerate(frames[:, 0])
    ]


def long_clips(count: int) -> list[dict[str, object]]:
    return [
        row
        for number in range(count)
        for row in long_rows(
            make_frames(2 + number, number, persons=2),
            clip=f"take {number}",
            label=number % 2,
            subject=number,
        )
    ]


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 4), order=st.randoms(use_true_random=False), suffix=st.booleans())
def test_rows_of_joints_in_any_order_become_clips(tmp_path_factory, count, order, suffix):
    folder = tmp_path_factory.mktemp("own")
    rows = long_clips(count)
    order.shuffle(rows)
    if suffix:
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "all.parquet")
    else:
        write_csv(folder / "all.csv", rows)
    tables = TableFiles(**{**vars(LONG), "files": "*.parquet" if suffix else "*.csv"})

    clips = read(make_dataset(tables=tables, persons=2, clips=BY_KEYS), folder)

    clips.sort(key=lambda clip: clip.name)
    assert [clip.name for clip in clips] == [f"all/take {n}" for n in range(count)]
    for number, clip in enumerate(clips):
        assert (clip.label, clip.subject) == (number % 2, number)
        np.testing.assert_array_equal(clip.skeleton, make_frames(2 + number, number, persons=2))


def test_joints_and_persons_without_rows_are_absent(tmp_path: Path):
    frames = make_frames(3, persons=2)
    frames[0, 0, 2] = 0.0
    frames[1:, 1] = 0.0
    write_csv(tmp_path / "S1C1_bow.csv", long_rows(frames))
    tables = TableFiles(files="*.csv", person="person", joint="joint")

    (clip,) = read(make_dataset(tables=tables, persons=2), tmp_path)

    np.testing.assert_array_equal(clip.skeleton, frames)


def test_joints_can_be_numbers_and_empty_cells_are_absent(tmp_path: Path):
    rows = [
        {"frame": 7, "joint": 1, "x": 1.5, "y": 2, "z": 3},
        {"frame": 7, "joint": 0, "x": 1, "y": "", "z": 3},
    ]
    write_csv(tmp_path / "S1C1_bow.csv", rows)
    tables = TableFiles(files="*.csv", joint="joint")

    (clip,) = read(make_dataset(tables=tables, absent="nan"), tmp_path)

    assert clip.skeleton[0, 0].tolist() == [[0, 0, 0], [1.5, 2, 3], *[[0, 0, 0]] * 3]


def test_rows_of_bodies_are_frames_in_the_order_of_their_column(tmp_path: Path):
    frames = make_frames(4)
    write_csv(tmp_path / "S1C1_bow.csv", wide_rows(frames)[::-1])

    (clip,) = read(make_dataset(tables=WIDE), tmp_path)

    np.testing.assert_array_equal(clip.skeleton, frames)


def test_rows_without_a_frame_column_stand_in_order(tmp_path: Path):
    frames = make_frames(4)
    rows = [{key: row[key] for key in row if key != "frame"} for row in wide_rows(frames)]
    write_csv(tmp_path / "S1C1_bow.csv", rows)

    (clip,) = read(make_dataset(tables=TableFiles(files="*.csv", frame=None)), tmp_path)

    np.testing.assert_array_equal(clip.skeleton, frames)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({3: {"x": "left"}}, "row 5: x must be a number, got 'left'"),
        ({4: {"joint": "neck"}}, "row 6: joint: there is no joint 'neck'; joints: hips, chest"),
        ({4: {"joint": "head"}}, "row 6: a second row of the same frame, person and joint"),
        ({4: {"person": "p7"}}, "row 2: person: a clip may have 1 persons, got p0, p7"),
        ({2: {"frame": ""}}, "row 4: frame is empty"),
        ({3: {"clip": ""}}, "row 5: clip is empty"),
        ({3: {"person": ""}}, "row 5: person is empty"),
        ({3: {"joint": ""}}, "row 5: joint is empty"),
        (
            {2: {"label": 1}},
            "row 4: label must be the same in all rows of a clip, got '1' after '0'",
        ),
    ],
)
def test_what_is_wrong_with_a_row_is_told_with_its_file_and_line(tmp_path: Path, change, problem):
    rows = long_rows(make_frames(2), clip=1, label=0, subject=1)
    for number, cells in change.items():
        rows[number] |= cells
    write_csv(tmp_path / "all.csv", rows)

    with pytest.raises(ValueError, match=rf"all\.csv.*{problem}"):
        read(make_dataset(tables=LONG, clips=BY_KEYS), tmp_path)


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        (TableFiles(files="*.csv", clip="take"), "no column take; columns: clip, label, subject"),
        (TableFiles(files="*.csv", clip="clip", frame="t"), "there is no column t"),
        (TableFiles(files="*.csv", clip="clip"), "15 columns of values are needed, got 5: person"),
        (TableFiles(**{**vars(LONG), "values": ("x", "y")}), "3 columns of values .*, got 2: x, y"),
        (TableFiles(**{**vars(LONG), "values": ("x", "y", "w")}), "there is no column w"),
    ],
)
def test_columns_that_are_not_there_are_told_with_those_that_are(tmp_path: Path, tables, problem):
    write_csv(tmp_path / "all.csv", long_clips(1))

    with pytest.raises(ValueError, match=rf"all\.csv.*{problem}"):
        read(make_dataset(tables=tables, clips=BY_KEYS, persons=1), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "", "cannot be read"),
        ("a.csv", "clip,x\n", "has no rows"),
        ("a.csv", "clip,x,x\n1,2,3\n", "column names must differ, got x twice"),
        ("a.csv", "clip,x\n1,2\n3\n", "cannot be read"),
        ("a.csv", b"clip,\xff\n1,2\n", "cannot be read"),
        ("a.csv", b"clip,x\n\xff,2\n", "cannot be read"),
        ("a.parquet", "PAR1", "cannot be read"),
    ],
)
def test_a_damaged_table_is_refused_by_name(tmp_path: Path, name, content, problem):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    tables = TableFiles(files=f"*{Path(name).suffix}", clip="clip")

    with pytest.raises(ValueError, match=rf"{name}: {problem}"):
        scan(make_dataset(tables=tables, clips=BY_KEYS), tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["000", "001", "0"],
        ["1.1", "1.10", "1.2"],
        ["1e2", "100"],
        ["2020-01-02", "true", "null", "NA"],
    ],
)
def test_names_of_clips_stay_as_they_are_written(tmp_path: Path, names):
    rows = [
        row
        for number, name in enumerate(names)
        for row in wide_rows(make_frames(1 + number), take=name, action=("bow", "null")[number % 2])
    ]
    write_csv(tmp_path / "all.csv", rows)
    tables = TableFiles(files="*.csv", clip="take")
    fields = ClipFields(keys={"label": "action"})

    clips = read(make_dataset(tables=tables, clips=fields, classes=("bow", "null")), tmp_path)

    assert [clip.name for clip in clips] == [f"all/{name}" for name in names]
    assert [len(clip.skeleton) for clip in clips] == list(range(1, len(names) + 1))
    assert [clip.label for clip in clips] == [number % 2 for number in range(len(names))]


@pytest.mark.parametrize(
    ("kind", "cells", "names"),
    [
        (pyarrow.int64(), [7, 10, None], ["7", "10"]),
        (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), ["b", "a", None], ["b", "a"]),
        (pyarrow.string(), ["b", "a", ""], ["b", "a"]),
        (pyarrow.list_(pyarrow.int64()), [[1], [2]], None),
    ],
)
def test_names_of_clips_in_parquet_become_text(tmp_path: Path, kind, cells, names):
    table = pyarrow.table({"take": pyarrow.array(cells, kind), "x": [0.5] * len(cells)})
    path = tmp_path / "all.parquet"
    dataset = make_dataset(
        tables=TableFiles(files="*.parquet", clip="take"), clips=ClipFields(keys={"label": "x"})
    )

    parquet.write_table(table, path)
    with pytest.raises(ValueError, match=r"all.parquet(, row 4: take is empty|: cannot be read)"):
        scan(dataset, tmp_path)

    if names is not None:
        parquet.write_table(table[:2], path)
        assert [clip.name for clip in scan(dataset, tmp_path)] == [f"all/{name}" for name in names]


def test_a_joint_is_found_by_name_before_number(tmp_path: Path):
    skeleton = OwnSkeleton(joints=("2", "1", "0"), edges=((0, 1), (1, 2)), centre=0)
    rows = [{"frame": 0, "joint": j, "x": j + 1, "y": 0, "z": 0} for j in range(3)]
    write_csv(tmp_path / "S1C1_bow.csv", rows)
    tables = TableFiles(files="*.csv", joint="joint")

    (clip,) = read(make_dataset(tables=tables, skeleton=skeleton), tmp_path)

    assert clip.skeleton[0, 0, :, 0].tolist() == [3, 2, 1]


def test_persons_are_in_the_order_of_their_numbers(tmp_path: Path):
    frames = make_frames(2, persons=2)
    rows = [row | {"person": {"p0": 9, "p1": 10}[row["person"]]} for row in long_rows(frames)]
    write_csv(tmp_path / "S1C1_bow.csv", rows)
    tables = TableFiles(files="*.csv", person="person", joint="joint")

    (clip,) = read(make_dataset(tables=tables, persons=2), tmp_path)

    np.testing.assert_array_equal(clip.skeleton, frames)


@pytest.mark.parametrize("wrong", ["left", "1_0", "true"])
def test_a_cell_that_is_not_a_number_stops_its_clip_alone(tmp_path: Path, wrong):
    rows = long_clips(3)
    rows[0]["x"] = "NA"
    place = next(place for place, row in enumerate(rows) if row["clip"] == "take 1") + 3
    rows[place]["x"] = wrong
    write_csv(tmp_path / "all.csv", rows)
    dataset = make_dataset(tables=LONG, persons=2, clips=BY_KEYS, absent="nan")

    first, second, third = scan(dataset, tmp_path)

    expected = make_frames(2, 0, persons=2)
    expected[0, 0, 0] = 0.0
    np.testing.assert_array_equal(first.load().skeleton, expected)
    np.testing.assert_array_equal(third.load().skeleton, make_frames(4, 2, persons=2))
    with pytest.raises(
        ValueError, match=rf"all.csv, row {place + 2}: x must be a number, got '{wrong}'"
    ):
        second.load()


def test_files_of_one_clip_take_fields_from_name_and_columns_together(tmp_path: Path):
    write_csv(tmp_path / "S4_bow.csv", wide_rows(make_frames(2), camera=3))
    fields = ClipFields(pattern=r"S(?P<subject>\d)_(?P<label>\w+)\.", keys={"camera": "camera"})

    (clip,) = read(make_dataset(tables=WIDE, clips=fields), tmp_path)

    assert (clip.label, clip.subject, clip.camera) == (0, 4, 3)

"""Descriptions of one's own data sets, and clips read from NumPy files by them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.own import ArrayFiles, ClipFields, OwnSkeleton, Selection, TableFiles
from data.own_source import own_source
from tests.data.damage import problem_with
from tests.data.own_files import (
    BY_KEYS,
    BY_NAME,
    NAMES,
    SKELETON,
    make_dataset,
    make_frames,
    read,
    scan,
    write_csv,
)

MANY = ArrayFiles(files="*.npz", axes="N C T V M", key="x", lengths="length")


def write_five(folder: Path) -> None:
    for number, name in enumerate(NAMES):
        (folder / "clips").mkdir(exist_ok=True)
        np.savez(folder / "clips" / f"{name}.npz", make_frames(3 + number, number)[:, 0])


def test_edges_in_any_order_become_a_tree_away_from_the_centre():
    assert sorted(SKELETON.tree()) == [(0, 1), (2, 1), (3, 1), (4, 1)]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"edges": ((0, 1), (1, 2), (2, 0), (1, 3))},
            "a tree, but 1, 2 is on a cycle",
        ),
        ({"edges": ((0, 1), (1, 2))}, "join every joint to the centre 0, but not these: 3"),
        ({"edges": ((0, 1), (1, 2), (2, 4))}, "there is no joint 4; joints: 0, 1, 2, 3"),
        ({"centre": "neck"}, "there is no joint 'neck'"),
        ({"origin": -1}, "there is no joint -1"),
        ({"mirrored": ((0, 9),)}, "there is no joint 9"),
        ({"joints": ("a", "a")}, "joints must be at least one, of different names"),
        ({"joints": 0}, "joints must be at least one"),
    ],
)
def test_what_is_no_skeleton_is_refused(changes, problem):
    chain = {"joints": 4, "edges": ((0, 1), (1, 2), (2, 3)), "centre": 0}

    with pytest.raises(ValueError, match=problem):
        OwnSkeleton(**(chain | changes))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (lambda: ArrayFiles(files="*.npz", axes="T V X"), "axes must be T, V and C"),
        (lambda: ArrayFiles(files="*.npz", axes="T T V C"), "axes must be T, V and C"),
        (lambda: ArrayFiles(files="*.mat"), "ends in .npy or .npz, got '\\*.mat'"),
        (lambda: ArrayFiles(files="*.npz", lengths="n"), "axes 'T V C' has no N"),
        (lambda: TableFiles(files="*.csv", frame=None, joint="j"), "need the column `frame`"),
        (lambda: ClipFields(pattern="(?P<subject>.)"), "the label must be a group of the pattern"),
        (lambda: ClipFields(pattern="(?P<action>.)"), "fields are label, .*, got action"),
        (lambda: ClipFields(pattern="(?P<label>"), "cannot be read"),
        (lambda: ClipFields(pattern="(?P<label>.)", keys={"label": "y"}), "must be by one"),
        (lambda: Selection(), "exactly one of subjects"),
        (lambda: Selection(share=0.5, cameras=(1,)), "exactly one of subjects"),
        (lambda: Selection(share=1.5), "share must be above 0 and below 1, got 1.5"),
        (lambda: make_dataset(name="My data"), "lower-case letters, digits and _, got 'My data'"),
        (lambda: make_dataset(arrays=None), "exactly one of arrays and tables"),
        (lambda: make_dataset(persons=2), "2 persons need M in axes, got 'T V C'"),
        (lambda: make_dataset(persons=0), "persons must be at least 1, got 0"),
        (lambda: make_dataset(protocols={}), "at least one protocol"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(wrong, problem):
    with pytest.raises(ValueError, match=problem):
        wrong()


def test_the_description_becomes_that_of_a_dataset(tmp_path: Path):
    info = own_source(make_dataset(), tmp_path).info

    assert (info.name, info.classes, info.protocols) == ("kitchen", ("bow", "wave"), ("xsub",))
    assert (info.num_joints, info.num_persons, info.num_channels) == (5, 1, 3)
    assert (info.centre, info.origin_joint, info.mirrored) == (1, 0, ((3, 4),))
    assert not info.has_score


def test_classes_can_stand_in_a_file_one_a_line(tmp_path: Path):
    (tmp_path / "classes.txt").write_text("bow\nwave the hand\n\n")

    info = own_source(make_dataset(classes="classes.txt"), tmp_path).info

    assert info.classes == ("bow", "wave the hand")


@pytest.mark.parametrize(("content", "problem"), [("bow\n", "at least two"), (None, "cannot be")])
def test_a_file_without_classes_is_refused(tmp_path: Path, content, problem):
    if content is not None:
        (tmp_path / "classes.txt").write_text(content)

    with pytest.raises(ValueError, match=problem):
        own_source(make_dataset(classes="classes.txt"), tmp_path)


def test_five_files_become_five_clips_of_the_numbers_in_their_names(tmp_path: Path):
    write_five(tmp_path)

    clips = read(make_dataset(), tmp_path)

    assert [clip.name for clip in clips] == [f"clips/{name}" for name in sorted(NAMES)]
    assert [clip.label for clip in clips] == [1, 0, 1, 0, 1]
    assert [(clip.subject, clip.camera) for clip in clips] == [
        (1, 1), (1, 2), (2, 1), (2, 2), (3, 1)
    ]  # fmt: skip
    np.testing.assert_array_equal(clips[2].skeleton, make_frames(5, 2))


def test_the_files_can_lie_elsewhere(tmp_path: Path):
    for folder in ("described", "given"):
        (tmp_path / folder).mkdir()
        write_five(tmp_path / folder)
    dataset = make_dataset(raw="described")

    assert "described" in str(scan(dataset, tmp_path)[0].load)
    assert "given" in str(scan(dataset, tmp_path, tmp_path / "given")[0].load)


def test_a_clip_can_be_loaded_by_another_process(tmp_path: Path):
    write_five(tmp_path)
    clip = scan(make_dataset(), tmp_path)[3]

    loaded = pickle.loads(pickle.dumps(clip)).load()

    assert loaded.name == clip.name
    np.testing.assert_array_equal(loaded.skeleton, clip.load().skeleton)


@settings(max_examples=25, deadline=None)
@given(axes=st.permutations("TVCM"), suffix=st.sampled_from([".npy", ".npz"]))
def test_an_array_is_read_whatever_the_order_of_its_axes(tmp_path_factory, axes, suffix):
    folder = tmp_path_factory.mktemp("own")
    frames = make_frames(4, persons=2)
    turned = frames.transpose(["TMVC".index(axis) for axis in axes])
    save = np.save if suffix == ".npy" else np.savez
    save(folder / f"S1C1_bow{suffix}", turned)
    arrays = ArrayFiles(files=f"*{suffix}", axes=" ".join(axes))

    (clip,) = read(make_dataset(arrays=arrays, persons=2), folder)

    np.testing.assert_array_equal(clip.skeleton, frames)


def write_many(path: Path, **changes: object) -> np.ndarray:
    """Three clips of 2, 4 and 1 frames as (N, C, T, V, M), padded with zeros."""
    frames = np.stack([make_frames(4, number) for number in range(3)])
    for number, length in enumerate((2, 4, 1)):
        frames[number, length:] = 0.0
    content = {
        "x": frames.transpose(0, 4, 1, 3, 2),
        "length": np.array([2, 4, 1]),
        "label": np.array(["wave", "bow", "wave"]),
        "subject": np.array([1, 2, 3]),
    }
    content |= {key: value for key, value in changes.items() if value is not None}
    np.savez(path, **{key: content[key] for key in content if changes.get(key, 0) is not None})
    return frames


@pytest.mark.parametrize("lengths", ["length", None])
def test_a_file_of_many_clips_has_one_for_each_index(tmp_path: Path, lengths):
    frames = write_many(tmp_path / "train.npz")
    arrays = ArrayFiles(files="*.npz", axes="N C T V M", key="x", lengths=lengths)

    clips = read(make_dataset(arrays=arrays, clips=BY_KEYS), tmp_path)

    assert [clip.name for clip in clips] == ["train/0", "train/1", "train/2"]
    assert [(clip.label, clip.subject) for clip in clips] == [(1, 1), (0, 2), (1, 3)]
    for clip, whole, length in zip(clips, frames, (2, 4, 1), strict=True):
        np.testing.assert_array_equal(clip.skeleton, whole[:length])


def test_an_array_of_many_clips_is_mapped_and_told_by_a_table(tmp_path: Path):
    frames = np.stack([make_frames(3, number)[:, 0] for number in range(2)])
    np.save(tmp_path / "all.npy", frames)
    rows = [{"clip": f"all/{n}", "label": n, "subject": n + 4} for n in (1, 0)]
    write_csv(tmp_path / "clips.csv", rows)
    arrays = ArrayFiles(files="all.npy", axes="N T V C")

    clips = read(make_dataset(arrays=arrays, clips=ClipFields(table="clips.csv")), tmp_path)

    assert [(clip.label, clip.subject) for clip in clips] == [(0, 4), (1, 5)]
    np.testing.assert_array_equal(clips[1].skeleton[:, 0], frames[1])


def test_a_file_that_was_written_again_is_read_again(tmp_path: Path):
    np.savez(tmp_path / "S1C1_bow.npz", make_frames(2)[:, 0])
    (before,) = scan(make_dataset(), tmp_path)
    assert len(before.load().skeleton) == 2

    np.savez(tmp_path / "S1C1_bow.npz", make_frames(3)[:, 0])
    (after,) = scan(make_dataset(), tmp_path)

    assert len(after.load().skeleton) == 3
    assert pickle.dumps(after) != pickle.dumps(before)


def test_joints_marked_by_nan_are_absent(tmp_path: Path):
    frames = make_frames(2)[:, 0]
    frames[1, 4, 2] = np.nan
    np.savez(tmp_path / "S1C1_bow.npz", frames)

    (clip,) = read(make_dataset(absent="nan"), tmp_path)

    assert clip.skeleton[1, 0, 4].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(clip.skeleton[0, 0], frames[0])


@pytest.mark.parametrize("axes", ["T V C", "N T V C"])
@pytest.mark.parametrize("absent", ["zero", "nan"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_absent_frames_at_the_end_do_not_count(tmp_path: Path, axes, absent, suffix):
    frames = make_frames(6)[:, 0]
    frames[[0, 4, 5]] = 0.0 if absent == "zero" else np.nan
    save = np.save if suffix == ".npy" else np.savez
    save(tmp_path / f"S1C1_bow{suffix}", frames if axes[0] == "T" else frames[None])
    arrays = ArrayFiles(files=f"*{suffix}", axes=axes)

    (clip,) = read(make_dataset(arrays=arrays, absent=absent), tmp_path)

    assert len(clip.skeleton) == 4
    assert not clip.skeleton[0].any()
    np.testing.assert_array_equal(clip.skeleton[1:, 0], frames[1:4])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"x": np.ones((2, 5))}, r"array must have the axes T V C, got \(2, 5\)"),
        ({"x": np.ones((2, 5, 3), dtype=complex)}, "x must be real numbers, is complex128"),
        ({"x": np.ones((2, 5, 3)), "y": np.ones(1)}, "has the arrays x, y: say which"),
        ({"x": np.array([None])}, "the array x cannot be read: arrays of objects are not read"),
    ],
)
def test_an_array_of_another_form_is_refused_by_file(tmp_path: Path, content, problem):
    np.savez(tmp_path / "S1C1_bow.npz", **content)

    with pytest.raises(ValueError, match=rf"S1C1_bow\.npz.*{problem}"):
        read(make_dataset(), tmp_path)


@pytest.mark.parametrize("kept", [0, 60, 200])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("axes", ["T V C", "N V C T"])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, kept, suffix, axes):
    path = tmp_path / f"S1C1_bow{suffix}"
    save = np.save if suffix == ".npy" else np.savez
    save(path, np.ones((4, 5, 3) if axes[0] == "T" else (4, 5, 3, 2)))
    path.write_bytes(path.read_bytes()[:kept])
    arrays = ArrayFiles(files=f"*{suffix}", axes=axes)

    with pytest.raises(ValueError, match=rf"S1C1_bow\{suffix}: not an? "):
        read(make_dataset(arrays=arrays), tmp_path)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_damage_is_refused_by_name_or_stays_in_the_numbers(tmp_path: Path, many, save):
    suffix = ".npy" if save is np.save else ".npz"
    rng = np.random.default_rng(0)
    frames = np.stack([make_frames(4, number)[:, 0] for number in range(3)])
    content = {"x": frames if many else frames[0], "split": np.array(["val"] * (3 if many else 1))}
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".npy":
        np.save(whole, content["x"])
    else:
        save(whole, **content)
    arrays = ArrayFiles(files=f"S*{suffix}", axes="N T V C" if many else "T V C", key="x")
    keys = {} if suffix == ".npy" else {"split": "split"}
    dataset = make_dataset(arrays=arrays, clips=ClipFields(pattern=BY_NAME.pattern, keys=keys))
    source = own_source(dataset, tmp_path)
    for number in range(50):
        damaged = bytearray(whole.read_bytes())
        for place in rng.integers(len(damaged), size=1 + number % 3):
            damaged[place] = rng.integers(256)
        path = tmp_path / f"S1C1_bow{suffix}"
        path.write_bytes(damaged)

        problem = problem_with(lambda: source.scan(tmp_path), source.info)

        assert problem == "" or path.stem in problem
        path.unlink()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"length": np.array([2, 5, 1])}, r"length\[1\] must be in 0..4, got 5"),
        ({"length": np.array([2, 3])}, r"length must be \(n,\) with more than 2 values"),
        ({"length": None}, r"the array length cannot be read: must be among x, label"),
        ({"label": np.array([0, 2, 1])}, "clip 1: label must be a class's name .* 0..1, got 2"),
        ({"label": np.full(3, 2**31 - 1, "u4").view("U1")}, "label cannot be read: invalid max"),
        ({"label": None}, "the array label cannot be read: must be among"),
        ({"subject": np.array(["1", "anna", "3"])}, "subject must be a whole number, got 'anna'"),
    ],
)
def test_what_is_wrong_with_a_file_of_many_clips_is_told(tmp_path: Path, changes, problem):
    write_many(tmp_path / "train.npz", **changes)

    with pytest.raises(ValueError, match=rf"train\.npz.*{problem}"):
        read(make_dataset(arrays=MANY, clips=BY_KEYS), tmp_path)


def test_labels_can_be_numbers_from_one(tmp_path: Path):
    np.savez(tmp_path / "A2.npz", make_frames(2)[:, 0])
    fields = ClipFields(pattern=r"A(?P<label>\d+)", first_label=1)

    (clip,) = read(make_dataset(clips=fields), tmp_path)

    assert (clip.label, clip.subject) == (1, 0)


def test_a_folder_without_such_files_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"no files \*\*/\*.npz below"):
        scan(make_dataset(), tmp_path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, r"S1_bow.npz: 'S1_bow.npz' has no match of clips.pattern"),
        ({"clips": ClipFields(table="clips.csv")}, r"clips.csv: has no row of the file S1_bow.npz"),
    ],
)
def test_a_file_that_nothing_is_told_of_stops_its_clip_alone(tmp_path: Path, changes, problem):
    for name in ("S1C1_bow", "S1_bow"):
        np.savez(tmp_path / f"{name}.npz", make_frames(2)[:, 0])
    (tmp_path / "clips.csv").write_text("file,label\nS1C1_bow.npz,bow\n")

    good, bad = scan(make_dataset(**changes), tmp_path)

    assert [good.name, bad.name] == ["S1C1_bow", "S1_bow"]
    assert good.load().label == 0
    with pytest.raises(ValueError, match=problem):
        pickle.loads(pickle.dumps(bad)).load()


def write_table(folder: Path, *lines: str) -> ClipFields:
    write_five(folder)
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return ClipFields(table="clips.csv")


def test_a_table_can_tell_everything_of_the_clips(tmp_path: Path):
    lines = [f"clips/{name}.npz,bow,{n},2,val,x" for n, name in enumerate(NAMES)]
    fields = write_table(tmp_path, "file,label,subject,camera,split,remark", *lines)

    clips = read(make_dataset(clips=fields), tmp_path)

    assert [clip.subject for clip in clips] == [0, 1, 2, 3, 4]
    assert {(clip.label, clip.camera, clip.part) for clip in clips} == {(0, 2, "val")}


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["label", "bow"], "needs the column file or clip, and label, got label"),
        (["file,action", "a,bow"], "needs the column file or clip, and label, got file, action"),
        (["file,label"], "has no row of the file clips/S1C1_wave.npz"),
        (["clip,label", "clips/S1C1_wave,bow"], "has no row of the clip clips/S1C2_bow"),
        (["clip,label", "a,bow", "a,bow"], "line 3: clip is missing or stands twice"),
        (["clip,label", "a"], "line 2: clip is missing or stands twice"),
        (
            ["file,label", "x.npz,bow", *(f"clips/{name}.npz,bow" for name in NAMES)],
            "1 rows are of a file that is not there: x.npz",
        ),
    ],
)
def test_a_table_that_does_not_fit_the_files_is_refused(tmp_path: Path, lines, problem):
    fields = write_table(tmp_path, *lines)

    with pytest.raises(ValueError, match=rf"clips\.csv.*{problem}"):
        read(make_dataset(clips=fields), tmp_path)


def test_a_field_told_by_pattern_and_table_is_refused(tmp_path: Path):
    write_table(tmp_path, "file,label", "clips/S1C1_wave.npz,bow")
    fields = ClipFields(pattern=BY_NAME.pattern, table="clips.csv")

    with pytest.raises(ValueError, match=r"label is told by clips\.pattern or keys"):
        scan(make_dataset(clips=fields), tmp_path)


def test_a_split_of_another_name_is_refused(tmp_path: Path):
    lines = [f"clips/{name}.npz,bow,training" for name in NAMES]
    fields = write_table(tmp_path, "file,label,split", *lines)

    with pytest.raises(ValueError, match=r"S1C1_wave.npz: split must be .*, got 'training'"):
        read(make_dataset(clips=fields), tmp_path)

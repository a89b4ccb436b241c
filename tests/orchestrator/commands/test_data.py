"""`skeltune data`."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from data import DATASETS
from data.dataset import DatasetInfo
from data.store import ArrayStore, open_store
from orchestrator.cli import app
from orchestrator.datasets.view import describe_store, skipped_table
from orchestrator.pictures.clips import find_clip, project
from tests.data.stores import make_clip, make_pair_clip, make_store

SMALL = ("num_classes=3", "num_subjects=4", "num_takes=2", "num_frames=10")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKELTUNE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture
def mine(root: Path) -> ArrayStore:
    return prepared(root, "mine")


def prepared(root: Path, name: str, *more: str) -> ArrayStore:
    answer("data", "prepare", "synthetic", *SMALL, "--as", name, *more)
    return open_store(name, root)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def answer(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def write_nw_ucla(raw: Path, *, num_broken: int) -> None:
    raw.mkdir()
    for subject in range(1, 11):
        skeletons = np.full((3, 20, 3), 0.1 * subject).tolist()
        content = json.dumps({"skeletons": skeletons, "label": 1})
        text = "{" if subject <= num_broken else content
        (raw / f"a01_s{subject:02d}_e00_v01.json").write_text(text)


def test_preparing_tells_the_number_of_clips_and_the_digest(root: Path) -> None:
    told = answer("data", "prepare", "synthetic", *SMALL)

    store = open_store("synthetic", root)
    assert told == f"synthetic: 24 clips, digest {store.digest}\n"
    assert store.manifest["options"] == {
        "num_classes": 3,
        "num_subjects": 4,
        "num_takes": 2,
        "num_frames": 10,
    }


def test_a_store_has_the_name_type_and_content_that_were_asked_for(root: Path) -> None:
    half = prepared(root, "half", "--dtype", "float16", "--workers", "2")

    assert half.frames.dtype == np.float16
    assert half.info.name == "synthetic"


def test_clips_in_error_stop_or_are_left_out_as_asked(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "raw", num_broken=2)
    command = ("data", "prepare", "nw_ucla", "--raw", str(tmp_path / "raw"))

    with pytest.raises(ValueError, match=r"s01_e00_v01\.json: not a JSON file.*--on-error skip"):
        call(*command)

    told = answer(*command, "--on-error", "skip")
    assert "nw_ucla: 8 clips (2 left out: see `skeltune data info nw_ucla`)" in told


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("num_clases=3", "did you mean 'num_classes'"),
        ("num_classes=three", "num_classes = 'three': input should be a valid integer"),
        ("align=true", "synthetic takes num_classes: int = 8, num_subjects: int = 10"),
    ],
)
def test_wrong_options_are_explained_by_names_and_types(option: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call("data", "prepare", "synthetic", option)


def test_a_reader_without_options_says_so() -> None:
    with pytest.raises(ValueError, match="utd_mhad takes no options"):
        call("data", "prepare", "utd_mhad", "align=true", "--raw", "raw")


def test_an_unknown_data_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'ntu': unknown name; did you mean 'ntu60'"):
        call("data", "prepare", "ntu")


def test_the_list_has_every_data_set_and_the_stores_of_other_names(root: Path) -> None:
    prepared(root, "half", "--dtype", "float16")

    rows = {line.split()[1]: line for line in answer("data", "list").splitlines() if "│" in line}

    assert set(DATASETS) <= set(rows)
    assert "xsub, xview" in rows["ntu60"]
    assert "when first used" in rows["synthetic"]
    assert "24 clips of synthetic, float16, num_classes=3" in rows["half"]


def test_the_list_goes_on_past_a_damaged_store(root: Path, mine: ArrayStore) -> None:
    (mine.folder / "manifest.json").write_text("{")

    assert "damaged" in answer("data", "list")


def test_the_facts_of_a_store_are_told_to_people(root: Path, mine: ArrayStore) -> None:
    told = answer("data", "info", "mine")

    lengths = np.diff(mine.offsets)
    assert f"{lengths.min()} to {lengths.max()} frames, median {np.median(lengths):g}" in told
    for fact in (str(mine.folder), mine.digest, "num_frames=10", "float32", "24, 0 left out"):
        assert fact in told
    (splits,) = (line.split() for line in told.splitlines() if line.startswith("│ xsub"))
    assert splits[3::2] == ["6", "6", "12", "│"]


def test_classes_are_counted_if_asked_for(mine: ArrayStore) -> None:
    assert mine.info.classes[2] not in answer("data", "info", "mine")

    told = answer("data", "info", "mine", "--classes")

    (row,) = (line for line in told.splitlines() if mine.info.classes[2] in line)
    assert row.replace("│", "").split()[-3:] == ["2", "2", "4"]


def test_clips_that_were_left_out_are_told_with_the_reason(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "raw", num_broken=1)
    raw = ("--raw", str(tmp_path / "raw"))
    answer("data", "prepare", "nw_ucla", *raw, "--on-error", "skip")

    told = answer("data", "info", "nw_ucla")

    assert "9, 1 left out" in told
    assert "a01_s01_e00_v01" in told
    assert "not a JSON file" in answer("data", "info", "nw_ucla", "--json")


def test_clips_left_out_for_one_reason_are_told_in_one_row() -> None:
    skipped = [{"name": f"clip{number}", "reason": "no body in any frame"} for number in range(5)]
    skipped.append({"name": "other", "reason": "cut off"})

    table = skipped_table(skipped)

    assert table.rows == (
        ("5", "clip0, clip1, clip2 ...", "no body in any frame"),
        ("1", "other", "cut off"),
    )


def test_programs_get_the_facts_as_json(mine: ArrayStore) -> None:
    told = json.loads(answer("data", "info", "mine", "--json"))

    assert told == describe_store(mine)
    assert told["clips"] == 24
    assert told["dataset"] == "synthetic"
    assert told["splits"] == {"xsub": {"train": 6, "val": 6, "test": 12}}
    assert told["bytes"] == sum(path.stat().st_size for path in mine.folder.iterdir())


def test_a_whole_store_is_verified(mine: ArrayStore) -> None:
    assert f"mine: whole; 24 clips, 0.1 MB, digest {mine.digest}" in answer(
        "data", "verify", "mine"
    )


@pytest.mark.parametrize("file", ["frames.f32", "clips.npz", "manifest.json"])
def test_verifying_finds_a_flipped_byte_and_names_the_file(mine: ArrayStore, file: str) -> None:
    path = mine.folder / file
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)

    result = call("data", "verify", "mine")

    assert result.exit_code == 1
    assert "damaged" in result.output
    assert file in result.output


def test_verifying_needs_a_store() -> None:
    with pytest.raises(ValueError, match="no dataset 'mine'"):
        call("data", "verify", "mine")


def test_a_clip_is_shown_moving_in_a_file_that_has_its_name(mine: ArrayStore) -> None:
    told = answer("data", "show", "mine", "3")

    path = Path(f"mine_{mine.names[3]}.gif")
    assert told.startswith(f"{path}: clip 3, {mine.names[3]}")
    with Image.open(path) as picture:
        assert picture.n_frames == mine.offsets[4] - mine.offsets[3]


def test_a_clip_is_shown_as_a_strip_of_frames(tmp_path: Path, mine: ArrayStore) -> None:
    answer("data", "show", "mine", str(mine.names[0]), "--out", "pictures/strip.png")

    with Image.open(tmp_path / "pictures" / "strip.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 2 * picture.height


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("24",), "clips 0 to 23, .*, got '24'"),
        (("c01s01_t01",), "did you mean c01_s01_t01"),
        (("0", "--out", "clip.mp4"), r"must be a \.gif or \.png, got clip\.mp4"),
    ],
)
def test_a_picture_that_cannot_be_made_is_explained(mine: ArrayStore, arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        call("data", "show", "mine", *arguments)


def test_a_name_that_is_a_number_comes_before_the_number(root: Path) -> None:
    store = make_store(root, [make_clip(3, 0), make_clip(3, 1, name="0")])

    assert find_clip(store, "0") == 1


@pytest.mark.parametrize("out", ["pair.gif", "pair.png"])
def test_absent_joints_persons_and_frames_are_no_obstacle(root: Path, out: str) -> None:
    clip = make_pair_clip(5, 0, (0, 1))
    clip.skeleton[2] = 0.0
    make_store(root, [clip])

    answer("data", "show", "nw_ucla", "0", "--out", out)

    with Image.open(out) as picture:
        assert np.asarray(picture.convert("L")).min() < 100


@pytest.mark.parametrize("out", ["point.gif", "point.png"])
def test_one_frame_with_a_single_joint_is_drawn(root: Path, out: str) -> None:
    clip = make_clip(1, 0)
    clip.skeleton[0, 0, 1:] = 0.0
    clip.skeleton[0, 0, 0] = 1.0
    make_store(root, [clip])

    answer("data", "show", "nw_ucla", "clip00", "--out", out)

    with Image.open(out) as picture:
        assert np.asarray(picture.convert("L")).min() < 100


def test_a_single_coordinate_makes_no_picture() -> None:
    skeleton, info = upright(0, num_channels=1)

    with pytest.raises(ValueError, match="needs 2 or 3 coordinates, got 1"):
        project(skeleton, info)


def test_scores_without_coordinates_make_no_picture() -> None:
    skeleton, info = upright(2)
    skeleton[..., :2] = 0.0

    with pytest.raises(ValueError, match="body: the clip has no joint to draw"):
        project(skeleton, replace(info, has_score=True))


def upright(axis: int, num_channels: int = 3) -> tuple[np.ndarray, DatasetInfo]:
    """Three joints above each other along an axis, the head last; shallow in the others."""
    info = DatasetInfo("body", ("still",), num_channels, 3, 1, ((1, 0), (2, 1)), 0, ())
    skeleton = np.full((4, 1, 3, num_channels), 0.5, dtype=np.float32)
    skeleton[..., axis] = [0.1, 1.0, 1.8]
    return skeleton, info


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_body_stands_upright_along_whichever_axis_it_is_tallest(axis: int) -> None:
    skeleton, info = upright(axis)

    points = project(skeleton, info)

    np.testing.assert_allclose(np.diff(points[0, 0, :, 1]), [0.9, 0.8], rtol=1e-6)
    np.testing.assert_allclose(np.ptp(points[0, 0, :, 0]), 0.0, atol=1e-6)


def test_in_images_y_is_down() -> None:
    skeleton, info = upright(1, num_channels=2)

    assert (np.diff(project(skeleton, info)[0, 0, :, 1]) < 0).all()

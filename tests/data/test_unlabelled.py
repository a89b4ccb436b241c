"""Single files without labels give what the labelled readers give."""

import json
from pathlib import Path

import numpy as np
import pytest

from data import DATASETS
from data.hrnet import GYM99
from data.nw_ucla import NW_UCLA
from data.own import ClipFields, TableFiles
from data.own_source import own_source
from data.unlabelled import LISTERS, endings, list_unlabelled
from tests.data.nw_ucla_files import write_nw_ucla_folder
from tests.data.own_files import make_dataset, make_frames
from tests.data.pyskl_files import make_annotation, write_file
from tests.data.skeleton_files import waves, write_skeleton_file


def read_all(path: Path, name: str, **options: object) -> list[np.ndarray]:
    return [clip.load() for clip in list_unlabelled(path, DATASETS[name].info, options)]


def test_every_data_set_with_raw_files_has_a_format():
    assert LISTERS.keys() == {name for name, source in DATASETS.items() if source.needs_raw}


def test_a_file_needs_neither_a_label_nor_the_name_of_its_data_set(tmp_path: Path):
    raw = write_nw_ucla_folder(tmp_path / "raw")
    labelled = NW_UCLA.scan(raw)[0].load()
    content = json.loads((raw / f"{labelled.name}.json").read_text())
    (tmp_path / "mine.json").write_text(json.dumps({"skeletons": content["skeletons"]}))

    (skeleton,) = read_all(tmp_path / "mine.json", "nw_ucla")

    np.testing.assert_array_equal(skeleton, labelled.skeleton)


@pytest.mark.parametrize("preprocessing", [None, "ctrgcn", "none"])
def test_skeletons_of_ntu_are_prepared_as_the_store_was(tmp_path: Path, preprocessing):
    source, path = DATASETS["ntu60"], tmp_path / "S001C001P001R001A050.skeleton"
    write_skeleton_file(path, waves())
    given = {} if preprocessing is None else {"preprocessing": preprocessing}

    (skeleton,) = read_all(path, "ntu60", **given)

    np.testing.assert_array_equal(skeleton, source.scan(tmp_path, **given)[0].load().skeleton)


def test_an_array_of_the_stored_form_is_taken_for_any_data(tmp_path: Path):
    frames = make_frames(6)
    np.save(tmp_path / "clip.npy", frames[:, 0])

    (skeleton,) = read_all(tmp_path / "clip.npy", "synthetic")

    np.testing.assert_array_equal(skeleton, frames)


@pytest.mark.parametrize("label", [["bow"], []])
def test_ones_own_tables_are_read_with_or_without_their_column_of_labels(tmp_path: Path, label):
    tables = TableFiles(files="*.csv", clip="clip")
    own = make_dataset(tables=tables, clips=ClipFields(keys={"label": "label"}))
    frames = make_frames(4)
    names = ["clip", "frame", *["label"][: len(label)], *(f"v{n}" for n in range(15))]
    rows = [["a", t, *label, *values.ravel().tolist()] for t, values in enumerate(frames)]
    lines = [",".join(map(str, row)) for row in (names, *rows)]
    (tmp_path / "clips.csv").write_text("\n".join(lines))

    (clip,) = list_unlabelled(tmp_path / "clips.csv", own_source(own, tmp_path).info, {}, own)

    assert clip.name.endswith("clips.csv/a")
    np.testing.assert_array_equal(clip.load(), frames)


def test_annotations_without_labels_are_read_like_those_with(tmp_path: Path):
    annotation = make_annotation("one", persons=2)
    path = write_file(
        tmp_path / "clips.pkl", {"split": {"val": ["one"]}, "annotations": [annotation]}
    )
    (labelled,) = [clip.load() for clip in GYM99.scan(path)]
    write_file(path, [{key: value for key, value in annotation.items() if key != "label"}])

    (skeleton,) = read_all(path, "gym99")

    np.testing.assert_array_equal(skeleton, labelled.skeleton)


def test_another_ending_is_refused_with_those_there_are(tmp_path: Path):
    with pytest.raises(ValueError, match=r"files of nw_ucla end in \.json, \.npy"):
        read_all(tmp_path / "clip.mat", "nw_ucla")


def test_keypoints_have_the_endings_of_pyskl():
    assert endings(GYM99.info) == [".npy", ".pkl"]

from pathlib import Path

import numpy as np
import pytest

from data import DATASETS
from data.dataset import DatasetSource
from data.hrnet import GYM99, KINETICS_HRNET, NTU60_HRNET, NTU120_HRNET
from data.preparation import prepare
from tests.data.pyskl_files import make_annotation, make_file, write_file
from tests.data.stores import load_all


def test_fine_gym_is_prepared_with_the_file_s_val_as_test(tmp_path: Path) -> None:
    annotations = [make_annotation(f"train{number:02d}", 98) for number in range(20)]
    names = [str(annotation["frame_dir"]) for annotation in annotations]
    content = make_file(*annotations, make_annotation("val", 3), train=names, val=["val"])

    store = prepare(DATASETS["gym99"], write_file(tmp_path / "gym_hrnet.pkl", content), tmp_path)

    splits = {split: store.names[store.split("split", split)] for split in ("val", "test")}
    assert {split: found.tolist() for split, found in splits.items()} == {
        "val": ["train09", "train19"],
        "test": ["val"],
    }
    assert store.frames.shape == (63, 1, 17, 3)
    assert np.abs(store.frames[..., :2]).max() <= 1


def test_classes_have_different_names() -> None:
    for source, number in (
        (GYM99, 99),
        (KINETICS_HRNET, 400),
        (NTU60_HRNET, 60),
        (NTU120_HRNET, 120),
    ):
        assert len(set(source.info.classes)) == len(source.info.classes) == number


def test_kinetics_has_two_persons_and_pixels_on_demand(tmp_path: Path) -> None:
    annotation = make_annotation("a", 399, persons=3)
    path = write_file(tmp_path / "k400.pkl", make_file(annotation, train=["a"]))

    (clip,) = load_all(KINETICS_HRNET.scan(path, coordinates="pixels"))

    assert clip.label == 399
    np.testing.assert_array_equal(
        clip.skeleton[..., :2], annotation["keypoint"][1:].transpose(1, 0, 2, 3)
    )


def test_ntu_clips_have_the_numbers_of_their_names(tmp_path: Path) -> None:
    annotation = make_annotation("S017C003P020R002A060", 59, persons=2)
    split = {"xsub_train": ["S017C003P020R002A060"], "xview_val": []}
    path = write_file(tmp_path / "ntu60_hrnet.pkl", make_file(annotation, **split))

    (clip,) = load_all(NTU60_HRNET.scan(path))

    assert (clip.label, clip.subject, clip.camera, clip.setup) == (59, 20, 3, 17)
    assert clip.skeleton.shape == (3, 2, 17, 3)


def test_ntu_120_has_its_own_splits(tmp_path: Path) -> None:
    names = ["S018C001P045R001A120", "S018C001P044R001A120", "S019C001P044R001A120"]
    content = make_file(*(make_annotation(name, 119) for name in names))

    store = prepare(NTU120_HRNET, write_file(tmp_path / "ntu120_hrnet.pkl", content), tmp_path)

    assert store.names[store.split("xsub", "train")].tolist() == names[:1]
    assert store.names[store.split("xset", "test")].tolist() == names[2:]


def test_the_parts_of_an_ntu_file_do_not_count(tmp_path: Path) -> None:
    annotation = make_annotation("S017C003P020R002A060", 59)
    write_file(tmp_path / "ntu60_xsub_train.pkl", [annotation])

    (clip,) = load_all(NTU60_HRNET.scan(tmp_path))

    assert clip.part == ""


@pytest.mark.parametrize(("name", "label"), [("S017C003P020R002A060", 58), ("vault", 0)])
def test_an_ntu_name_that_is_not_of_the_label_is_refused(
    tmp_path: Path, name: str, label: int
) -> None:
    path = write_file(tmp_path / "ntu60_hrnet.pkl", make_file(make_annotation(name, label)))

    with pytest.raises(ValueError, match=rf"clip {name}: the name must be .* {label + 1} of"):
        load_all(NTU60_HRNET.scan(path))


@pytest.mark.parametrize("source", [GYM99, KINETICS_HRNET, NTU60_HRNET])
def test_unknown_coordinates_are_refused_before_any_file_is_read(
    tmp_path: Path, source: DatasetSource
) -> None:
    with pytest.raises(ValueError, match="one of scaled, pixels, got 'metres'"):
        source.scan(tmp_path / "missing", coordinates="metres")

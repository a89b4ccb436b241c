import pickle
import re
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import torch

from data.batches import ClipBatches, ClipTransform
from data.dataset import LeftOut
from data.names import read_names
from data.ntu_rgbd import NTU60, NTU120, scan_ntu60, scan_ntu120
from data.ntu_rgbd_names import FILE_NAME, NTU60_NAMES, NTU120_NAMES
from data.preparation import prepare
from data.streams import to_stream
from tests.data import ntu_golden as golden
from tests.data.skeleton_files import wave, waves, write_ntu_folder, write_skeleton_file
from tests.data.stores import clip_table, load_all

NAME = "S001C002P003R002A013"
PERIOD = np.arange(300) % 5


def write_waves(folder: Path, name: str = NAME) -> Path:
    return write_skeleton_file(folder / f"{name}.skeleton", waves())


def preprocessed(raw: Path, root: Path) -> torch.Tensor:
    """The stored clip centred in every frame and repeated to 300 frames, (1, C, T, V, M)."""
    store = prepare(NTU60, raw, root)
    transform = ClipTransform(clip_len=5, normalize="center_frames")
    clips = np.array([0])
    (batch,) = ClipBatches(
        store, clips, transform, batch_size=1, device=torch.device("cpu"), seed=0, train=False
    ).epoch(0)
    return batch.x[:, :, PERIOD]


def test_a_file_becomes_a_clip_with_the_numbers_of_its_name(tmp_path: Path) -> None:
    write_waves(tmp_path)

    (clip,) = load_all(scan_ntu60(tmp_path))

    assert (clip.name, *clip[2:5]) == (NAME, 12, 3, 2)
    assert clip.skeleton.shape == (5, 2, 25, 3)
    assert clip.skeleton.dtype == np.float32


def test_the_selected_bodies_have_the_published_coordinates(tmp_path: Path) -> None:
    write_waves(tmp_path)

    (clip,) = load_all(scan_ntu60(tmp_path, preprocessing="none"))

    np.testing.assert_allclose(clip.skeleton.sum(axis=(0, 2, 3)), golden.RAW_SUM, rtol=1e-6)
    for (channel, frame, joint, person), expected in golden.RAW.items():
        found = clip.skeleton[frame - 1, person, joint, channel]
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_clip_of_the_store_can_be_made_the_published_input(tmp_path: Path) -> None:
    write_waves(tmp_path / "raw")

    x = preprocessed(tmp_path / "raw", tmp_path)

    for (frame, joint, person), expected in golden.POINTS.items():
        np.testing.assert_allclose(x[0, :, frame, joint, person], expected, atol=1e-6)
    sums = x.double().sum(dim=(0, 1, 2, 3)), x.double().abs().sum(dim=(0, 1, 2, 3))
    np.testing.assert_allclose(sums[0], golden.SUM, rtol=1e-6)
    np.testing.assert_allclose(sums[1], golden.ABS_SUM, rtol=1e-6)


def test_the_streams_of_the_published_input_have_their_published_sums(tmp_path: Path) -> None:
    write_waves(tmp_path / "raw")
    x = preprocessed(tmp_path / "raw", tmp_path).double()

    for stream, expected in golden.STREAM_ABS_SUM.items():
        found = to_stream(x, stream, NTU60.info.edges).abs().sum().item()
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_folder_of_folders_becomes_a_store(tmp_path: Path) -> None:
    for folder, name in [
        ("nturgb+d_skeletons", "S017C001P018R001A060"),
        ("nturgb+d_skeletons", NAME),
        ("nturgb+d_skeletons", "S001C002P005R002A008"),  # listed as missing
        ("nturgb+d_skeletons120", "S018C001P008R001A061"),  # NTU RGB+D 120
    ]:
        write_waves(tmp_path / "raw" / folder, name)
    nobody = tmp_path / "raw" / "S001C001P001R001A001.skeleton"
    write_skeleton_file(nobody, [[], []])

    store = prepare(NTU60, tmp_path / "raw", tmp_path)

    assert store.names.tolist() == [NAME, "S017C001P018R001A060"]
    assert store.manifest["skipped"] == [
        {"name": nobody.stem, "reason": "no body in any frame"},
        {"name": "S001C002P005R002A008", "reason": "on the authors' list of missing skeletons"},
    ]


def test_one_body_leaves_the_second_person_absent(tmp_path: Path) -> None:
    write_skeleton_file(tmp_path / f"{NAME}.skeleton", [[wave(1, 0)], [wave(2, 0)]])

    (clip,) = load_all(scan_ntu60(tmp_path))

    assert clip.skeleton[:, 0].any()
    assert not clip.skeleton[:, 1].any()


def test_302_and_535_clips_with_names_of_the_data_sets_are_left_out() -> None:
    names = read_names("ntu_rgbd_missing.txt")

    paths = [Path(f"{name}.skeleton") for name in names]
    assert all(FILE_NAME.fullmatch(path.name) for path in paths)
    assert sum(NTU60_NAMES.parse(path) is not None for path in paths) == 302
    assert sum(NTU120_NAMES.parse(path) is not None for path in paths) == len(set(names)) == 535


def test_the_editions_have_their_actions() -> None:
    assert (len(NTU60.info.classes), len(NTU120.info.classes)) == (60, 120)
    assert NTU60.info.classes == NTU120.info.classes[:60]
    assert NTU60.info.classes[9] == "clapping"
    assert [NTU120.info.classes[action - 1] for action in (60, 103)] == [
        "walking apart from each other",
        "yawn",
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("S001C002P003R002A061", "action must be in 1..60, got 61"),
        ("S001C004P003R002A001", "camera must be in 1..3, got 4"),
        ("S001C001P041R002A001", "subject must be in 1..40, got 41"),
        ("S01C001P001R002A001", "file name must have the form"),
        ("S033C001P001R001A001", "setup must be in 1..32, got 33"),
        ("S018C001P107R001A061", "subject must be in 1..106, got 107"),
    ],
)
def test_a_name_outside_the_data_set_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    write_waves(tmp_path, name)

    with pytest.raises(ValueError, match=re.escape(f"{name}.skeleton: the {problem}")):
        load_all(scan_ntu60(tmp_path))


def test_a_folder_without_clips_or_with_a_clip_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must have S\*\.skeleton files.*NTU60_\*\.npz"):
        load_all(scan_ntu60(tmp_path))
    write_waves(tmp_path / "one")
    write_waves(tmp_path / "other")

    with pytest.raises(ValueError, match=rf"must differ, got .*one/{NAME}.*other/{NAME}"):
        load_all(scan_ntu60(tmp_path))


def test_a_setup_of_no_edition_is_refused_by_the_larger_one_too(tmp_path: Path) -> None:
    write_waves(tmp_path, "S033C001P001R001A001")

    with pytest.raises(ValueError, match=r"S033.*: the setup must be in 1\.\.32, got 33"):
        load_all(scan_ntu120(tmp_path))


def test_a_clip_of_the_list_of_missing_skeletons_is_left_out_without_being_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "S019C002P042R001A094.skeleton").write_bytes(b"")
    (clip,) = scan_ntu120(tmp_path)

    with pytest.raises(LeftOut, match="on the authors' list of missing skeletons"):
        clip.load()


def test_a_folder_of_the_other_edition_alone_is_refused(tmp_path: Path) -> None:
    write_waves(tmp_path, "S018C001P008R001A061")

    with pytest.raises(
        ValueError, match=r"of the other edition alone: ntu60 has .* 1\.\.17, got .*S018"
    ):
        scan_ntu60(tmp_path)


def test_a_truncated_clip_is_refused_by_name_and_line(tmp_path: Path) -> None:
    path = write_waves(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(ValueError, match=rf"{NAME}\.skeleton, line \d+: must be a joint"):
        load_all(scan_ntu60(tmp_path))


def test_the_larger_edition_takes_the_clips_of_both(tmp_path: Path) -> None:
    names = [NAME, "S018C001P008R001A061", "S032C003P106R002A120"]
    for name in names:
        write_waves(tmp_path, name)

    clips = load_all(scan_ntu120(tmp_path))

    assert [clip.name for clip in clips] == names
    assert [(clip.label, clip.subject, clip.setup) for clip in clips[1:]] == [
        (60, 8, 18),
        (119, 106, 32),
    ]


def test_zip_archives_give_the_clips_that_their_files_give(tmp_path: Path) -> None:
    paths = write_ntu_folder(tmp_path / "files", 4)
    (tmp_path / "zips").mkdir()
    for number, part in enumerate((paths[:2], paths[2:])):
        with ZipFile(tmp_path / "zips" / f"{number}.zip", "w", ZIP_DEFLATED) as archive:
            for path in part:
                archive.write(path, f"nturgb+d_skeletons/{path.name}")

    stores = [prepare(NTU60, tmp_path / raw, tmp_path / f"{raw}.s") for raw in ("files", "zips")]

    assert len(stores[0]) == 4
    assert stores[0].digest == stores[1].digest


def test_a_clip_can_be_loaded_by_another_process(tmp_path: Path) -> None:
    write_waves(tmp_path)
    (clip,) = scan_ntu60(tmp_path, preprocessing="ctrgcn")

    sent = pickle.loads(pickle.dumps(clip.load))()

    np.testing.assert_array_equal(sent.skeleton, clip.load().skeleton)


def test_the_preprocessing_of_ctr_gcn_follows_ids_and_starts_at_the_origin(tmp_path: Path) -> None:
    slim = np.array([0.5, 1, 1])
    frames = [[slim * wave(frame, 0), slim * wave(frame, 1)] for frame in range(20)]
    ids = [[1, 2] if frame % 2 else [2, 1] for frame in range(20)]
    for frame in frames[::2]:
        frame.reverse()
    write_skeleton_file(tmp_path / f"{NAME}.skeleton", frames, ids=ids)

    (clip,) = load_all(scan_ntu60(tmp_path, preprocessing="ctrgcn"))

    persons = slim * [[wave(frame, person) for person in (1, 0)] for frame in range(20)]
    expected = persons - persons[0, 0, 1]
    np.testing.assert_allclose(clip.skeleton, expected, atol=1e-6)


def test_an_unknown_preprocessing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one of msg3d, ctrgcn, none, got 'sgn'"):
        scan_ntu60(tmp_path, preprocessing="sgn")


NTU60_SHARES = {
    "xsub": {"train": 54, "val": 6, "test": 60},
    "xview": {"train": 76, "val": 4, "test": 40},
}


@pytest.mark.parametrize("protocol", NTU60_SHARES)
def test_subjects_and_cameras_split_the_clips(protocol: str) -> None:
    subjects, cameras = np.tile(np.arange(1, 41), 3), np.repeat([1, 2, 3], 40)

    splits = NTU60.splits[protocol](clip_table(subjects, cameras=cameras))

    shares = NTU60_SHARES[protocol]
    assert {split: int((splits == split).sum()) for split in shares} == shares
    assert not set(subjects[splits == "val"]) & set(subjects[splits == "train"])
    if protocol == "xview":
        assert set(cameras[splits == "test"]) == {1}


def test_the_larger_edition_trains_on_53_subjects_or_on_even_setups() -> None:
    subjects, setups = np.tile(np.arange(1, 107), 32), np.repeat(np.arange(1, 33), 106)

    splits = {
        protocol: rule(clip_table(subjects, setups=setups))
        for protocol, rule in NTU120.splits.items()
    }

    assert len(set(subjects[splits["xsub"] != "test"])) == 53
    assert set(subjects[splits["xsub"] == "val"]) == {18, 28, 46, 57, 82, 92}
    assert set(setups[splits["xset"] != "test"]) == set(range(2, 33, 2))
    assert set(subjects[splits["xset"] == "val"]) == {19, 44, 67}
    for split in splits.values():
        assert not set(subjects[split == "val"]) & set(subjects[split == "train"])


def test_a_pyskl_file_of_joints_in_space_is_read_by_the_names_of_its_clips(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(1, 6, 25, 3)).astype("f4")
    annotations = [{"frame_dir": NAME, "label": 12, "keypoint": joints, "total_frames": 6}]
    path = tmp_path / "ntu60_3danno.pkl"
    path.write_bytes(pickle.dumps({"split": {"xsub_train": [NAME]}, "annotations": annotations}))

    (clip,) = load_all(scan_ntu60(path))
    (of_folder,) = load_all(scan_ntu60(tmp_path))

    np.testing.assert_array_equal(of_folder.skeleton, clip.skeleton)
    assert (clip.name, *clip[2:6]) == (NAME, 12, 3, 2, 1)
    np.testing.assert_array_equal(clip.skeleton[:, 0], joints[0])
    assert not clip.skeleton[:, 1].any()
    with pytest.raises(ValueError, match=r"has been preprocessed.*got 'msg3d'"):
        scan_ntu60(path, preprocessing="msg3d")


@pytest.mark.parametrize(
    ("name", "label", "told"),
    [
        (NAME, 3, "with the action 4 of the label 3"),
        ("S001C009P003R002A013", 12, r"camera must be in 1\.\.3, got 9"),
    ],
)
def test_a_pyskl_clip_of_another_name_is_refused(
    tmp_path: Path, name: str, label: int, told: str
) -> None:
    joints = np.ones((1, 2, 25, 3), dtype="f4")
    annotations = [{"frame_dir": name, "label": label, "keypoint": joints}]
    path = tmp_path / "ntu60_3danno.pkl"
    path.write_bytes(pickle.dumps({"split": {}, "annotations": annotations}))

    with pytest.raises(ValueError, match=told):
        load_all(scan_ntu60(path))


def test_a_file_of_another_name_can_be_left_out(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_waves(raw, NAME)
    write_waves(raw, f"{NAME} (1)")

    with pytest.raises(ValueError, match=r"\(1\)\.skeleton: the file name must have the form"):
        prepare(NTU60, raw, tmp_path)
    store = prepare(NTU60, raw, tmp_path, on_error="skip")

    assert store.names.tolist() == [NAME]
    assert [clip["name"] for clip in store.manifest["skipped"]] == [f"{NAME} (1)"]

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from data.batches import ClipBatches, ClipTransform
from data.ntu_rgbd import FILE_NAME, MISSING, NTU60, scan_ntu60
from data.preparation import prepare
from data.streams import to_stream
from tests.data import ntu_golden as golden
from tests.data.skeleton_files import wave, waves, write_skeleton_file
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

    (clip,) = load_all(scan_ntu60(tmp_path, align=False))

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
    assert store.manifest["skipped"] == [{"name": nobody.stem, "reason": "no body in any frame"}]


def test_one_body_leaves_the_second_person_absent(tmp_path: Path) -> None:
    write_skeleton_file(tmp_path / f"{NAME}.skeleton", [[wave(1, 0)], [wave(2, 0)]])

    (clip,) = load_all(scan_ntu60(tmp_path))

    assert clip.skeleton[:, 0].any()
    assert not clip.skeleton[:, 1].any()


def test_302_clips_with_names_of_the_data_set_are_left_out() -> None:
    names = [line for line in MISSING.read_text().splitlines() if not line.startswith("#")]

    assert all(FILE_NAME.fullmatch(f"{name}.skeleton") for name in names)
    assert sum(int(name[1:4]) <= 17 for name in names) == 302


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("S001C002P003R002A061", "action must be in 1..60, got 61"),
        ("S001C004P003R002A001", "camera must be in 1..3, got 4"),
        ("S001C001P041R002A001", "subject must be in 1..40, got 41"),
        ("S01C001P001R002A001", "file name must have the form"),
    ],
)
def test_a_name_outside_the_data_set_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    write_waves(tmp_path, name)

    with pytest.raises(ValueError, match=re.escape(f"{name}.skeleton: the {problem}")):
        load_all(scan_ntu60(tmp_path))


def test_a_folder_without_clips_or_with_a_clip_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no files S\*\.skeleton below"):
        load_all(scan_ntu60(tmp_path))
    write_waves(tmp_path / "one")
    write_waves(tmp_path / "other")

    with pytest.raises(ValueError, match=rf"must differ, got .*one/{NAME}.*other/{NAME}"):
        load_all(scan_ntu60(tmp_path))


def test_a_truncated_clip_is_refused_by_name_and_line(tmp_path: Path) -> None:
    path = write_waves(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(ValueError, match=rf"{NAME}\.skeleton, line \d+: must be a joint"):
        load_all(scan_ntu60(tmp_path))


@pytest.mark.parametrize(
    ("protocol", "shares"),
    [("xsub", {"train": 54, "val": 6, "test": 60}), ("xview", {"train": 76, "val": 4, "test": 40})],
)
def test_subjects_and_cameras_split_the_clips(protocol: str, shares: dict[str, int]) -> None:
    subjects, cameras = np.tile(np.arange(1, 41), 3), np.repeat([1, 2, 3], 40)

    splits = NTU60.splits[protocol](clip_table(subjects, cameras=cameras))

    assert {split: int((splits == split).sum()) for split in shares} == shares
    assert not set(subjects[splits == "val"]) & set(subjects[splits == "train"])
    if protocol == "xview":
        assert set(cameras[splits == "test"]) == {1}

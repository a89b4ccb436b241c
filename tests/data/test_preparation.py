import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data import DATASETS
from data.dataset import Clip, LeftOut, RawClip
from data.preparation import ensure_store, prepare
from data.store import StoreMissingError, open_store
from data.store_files import MANIFEST
from tests.data.preparing import FOLDER, NUM_CLIPS, names_in, names_read
from tests.data.stores import make_clip, make_store, source_of

SMALL = {"num_classes": 2, "num_subjects": 3, "num_takes": 1, "num_frames": 8}
SYNTHETIC = DATASETS["synthetic"]


pytestmark = pytest.mark.usefixtures("small_parts")


# What a dataset asks for, and what it is called


def test_the_manifest_tells_where_the_clips_come_from(raw: Path, root: Path) -> None:
    store = prepare(FOLDER, raw, root, scale=2.0)

    manifest = json.loads((store.folder / MANIFEST).read_text())
    assert manifest["source"] == str(raw)
    assert manifest["options"] == {"scale": 2.0}
    assert manifest["dtype"] == "float32"


def test_raw_files_are_asked_for_where_they_are_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"made from raw files.*--raw DIR"):
        prepare(DATASETS["nw_ucla"], None, tmp_path)
    with pytest.raises(StoreMissingError):
        ensure_store("nw_ucla", tmp_path)


def test_an_unknown_option_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"num_classes.*got \['classes'\]"):
        prepare(SYNTHETIC, None, tmp_path, classes=3)


@pytest.mark.parametrize(
    ("request_", "rule"),
    [
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"name": "../mine"}, "must have the form"),
        ({"on_error": "ignore"}, "on_error must be one of stop, skip"),
        ({"dtype": "float64"}, "dtype one of float32, float16"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(tmp_path: Path, request_, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        prepare(SYNTHETIC, None, tmp_path, **request_)

    assert names_in(tmp_path) == []


def test_the_synthetic_set_is_prepared_when_first_used(tmp_path: Path) -> None:
    first = ensure_store("synthetic", tmp_path)
    second = ensure_store("synthetic", tmp_path)

    assert len(first) == 480
    assert second.digest == first.digest


def test_a_dataset_is_prepared_under_a_second_name(tmp_path: Path) -> None:
    one = prepare(SYNTHETIC, None, tmp_path, **SMALL)
    other = prepare(SYNTHETIC, None, tmp_path, name="second", **SMALL)

    assert (one.name, other.name, other.info.name) == ("synthetic", "second", "synthetic")
    assert open_store("second", tmp_path).digest == one.digest


# A store that is already there


def test_preparing_again_with_the_same_options_keeps_the_store(tmp_path: Path) -> None:
    store = prepare(SYNTHETIC, None, tmp_path, **SMALL)
    written = (store.folder / MANIFEST).stat().st_mtime_ns

    again = prepare(SYNTHETIC, None, tmp_path, **SMALL)

    assert again.digest == store.digest
    assert (store.folder / MANIFEST).stat().st_mtime_ns == written


@pytest.mark.parametrize("other", [{"num_takes": 2}, {"dtype": "float16"}])
def test_preparing_again_otherwise_needs_overwrite(tmp_path: Path, other) -> None:
    prepare(SYNTHETIC, None, tmp_path, **SMALL)

    with pytest.raises(ValueError, match="overwrite it, choose another name"):
        prepare(SYNTHETIC, None, tmp_path, **(SMALL | other))

    store = prepare(SYNTHETIC, None, tmp_path, overwrite=True, **(SMALL | other))
    assert len(store) == 6 * other.get("num_takes", 1)


def test_raw_files_of_another_place_need_overwrite(raw: Path, root: Path, tmp_path: Path) -> None:
    prepare(FOLDER, raw, root)
    moved = raw.rename(tmp_path / "moved")

    with pytest.raises(ValueError, match=rf"{raw}.*asked for.*{moved}.*overwrite it"):
        prepare(FOLDER, moved, root)


def test_another_dataset_under_the_same_name_needs_overwrite(raw: Path, root: Path) -> None:
    prepare(SYNTHETIC, None, root, name="mine", **SMALL)

    with pytest.raises(ValueError, match=r"'synthetic'.*asked for.*'nw_ucla'"):
        prepare(FOLDER, raw, root, name="mine")


def test_overwriting_repairs_a_damaged_store(tmp_path: Path) -> None:
    store = prepare(SYNTHETIC, None, tmp_path, **SMALL)
    frames = store.folder / "frames.f32"
    frames.write_bytes(frames.read_bytes()[:-5])

    repaired = prepare(SYNTHETIC, None, tmp_path, overwrite=True, **SMALL)

    assert repaired.digest == store.digest
    assert names_in(tmp_path) == ["synthetic"]


def test_a_reader_keeps_its_frames_while_the_store_is_overwritten(tmp_path: Path) -> None:
    store = prepare(SYNTHETIC, None, tmp_path, **SMALL)
    before = np.array(store.frames)

    prepare(SYNTHETIC, None, tmp_path, overwrite=True, **(SMALL | {"seed": 5}))

    np.testing.assert_array_equal(store.frames, before)


# Clips that are left out, and clips that stop everything


def test_clips_without_a_body_are_left_out_with_the_reason(tmp_path: Path) -> None:
    nobody = make_clip(4, 1, skeleton=np.zeros((4, 2, 3, 3), dtype=np.float32))
    nothing = make_clip(4, 2, skeleton=np.zeros((0, 2, 3, 3), dtype=np.float32))

    store = make_store(tmp_path, [make_clip(2, 0), nobody, nothing])

    assert store.names.tolist() == ["clip00"]
    assert store.manifest["skipped"] == [
        {"name": "clip01", "reason": "no body in any frame"},
        {"name": "clip02", "reason": "no frames"},
    ]


def leave_out() -> Clip:
    raise LeftOut("on a list")


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_clips_that_their_data_set_leaves_out_are_recorded_and_stop_nothing(
    tmp_path: Path, on_error: str
) -> None:
    source = source_of([make_clip(2, 0)])
    clips = [*source.scan(None), RawClip("clip01", leave_out)]

    store = prepare(replace(source, scan=lambda raw: clips), None, tmp_path, on_error=on_error)

    assert store.names.tolist() == ["clip00"]
    assert store.manifest["skipped"] == [{"name": "clip01", "reason": "on a list"}]


def test_a_dataset_without_a_usable_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no clip to store"):
        make_store(tmp_path, [])

    assert names_in(tmp_path) == []


def test_two_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different names, got 'clip01' twice"):
        make_store(tmp_path, [make_clip(2, 0), make_clip(2, 1), make_clip(3, 1)])


def test_a_clip_of_another_name_than_it_was_listed_by_is_refused(tmp_path: Path) -> None:
    source = replace(source_of([]), scan=lambda raw: [RawClip("other", partial(make_clip, 3, 0))])

    with pytest.raises(ValueError, match="listed as other must have this name: clip00"):
        prepare(source, None, tmp_path)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_damaged_clip_stops_the_preparation_with_a_hint(raw, root, workers: int) -> None:
    for number in (22, 31):
        (raw / f"{number:03d}.npy").write_bytes(b"broken")

    with pytest.raises(ValueError, match=r"022\.npy: not an array .*--on-error skip"):
        prepare(FOLDER, raw, root, workers=workers)

    with pytest.raises(StoreMissingError):
        open_store("nw_ucla", root)


def test_a_preparation_that_fails_at_once_leaves_nothing_behind(raw: Path, root: Path) -> None:
    (raw / "000.npy").write_bytes(b"broken")

    with pytest.raises(ValueError, match="not an array"):
        prepare(FOLDER, raw, root)

    assert names_in(root) == []


def test_a_failed_overwrite_leaves_the_store_as_it_was(raw: Path, root: Path) -> None:
    store = prepare(FOLDER, raw, root)
    (raw / "000.npy").write_bytes(b"broken")

    with pytest.raises(ValueError, match="not an array"):
        prepare(FOLDER, raw, root, overwrite=True)

    assert open_store("nw_ucla", root).digest == store.digest
    assert names_in(root) == ["nw_ucla"]


@pytest.mark.parametrize("workers", [1, 3])
def test_damaged_clips_are_left_out_if_asked_for(raw: Path, root: Path, workers: int) -> None:
    broken, misfit = raw / "001.npy", raw / "038.npy"
    broken.write_bytes(b"broken")
    np.save(misfit, np.full((2, 3, 3), np.nan, dtype=np.float32))

    store = prepare(FOLDER, raw, root, workers=workers, on_error="skip")

    assert len(store) == NUM_CLIPS - 2
    first, second = store.manifest["skipped"]
    assert first == {"name": "001", "reason": f"{broken}: not an array"}
    assert second["name"] == "038"
    assert "must be finite, got nan in frame 0, joint 0" in second["reason"]


def test_after_a_stop_the_parts_that_were_read_are_not_read_again(raw: Path, root: Path) -> None:
    (raw / "022.npy").write_bytes(b"broken")
    with pytest.raises(ValueError, match="not an array"):
        prepare(FOLDER, raw, root)

    store = prepare(FOLDER, raw, root, on_error="skip")

    assert len(store) == NUM_CLIPS - 1
    assert names_read(raw).count("000") == 1
    assert names_in(root) == ["nw_ucla"]


def test_an_error_that_is_not_about_the_clip_always_stops(raw: Path, root: Path) -> None:
    def scan(raw: Path) -> list[RawClip]:
        return [RawClip("000", partial(open, raw / "absent"))]

    with pytest.raises(FileNotFoundError):
        prepare(replace(FOLDER, scan=scan), raw, root, on_error="skip")


def test_skipping_does_not_reach_the_list_of_clips(tmp_path: Path) -> None:
    archive = tmp_path / "nturgbd.zip"
    archive.write_bytes(b"PK and no more")

    with pytest.raises(
        ValueError, match=r"nturgbd\.zip: not a zip archive.*skip leaves out single"
    ):
        prepare(DATASETS["ntu60"], tmp_path, tmp_path / "stores", on_error="skip")
    with pytest.raises(ValueError, match=r"nturgbd\.zip: not a zip archive: [^(]*$"):
        prepare(DATASETS["ntu60"], tmp_path, tmp_path / "stores")


# Half precision


def test_half_precision_is_stored_as_such(tmp_path: Path) -> None:
    source = source_of([make_clip(length, number) for number, length in enumerate([2, 5])])
    full = prepare(source, None, tmp_path)

    half = prepare(source, None, tmp_path, name="half", dtype="float16")

    assert half.frames.dtype == np.float16
    assert half.manifest["dtype"] == "float16"
    np.testing.assert_array_equal(half.frames, np.asarray(full.frames).astype(np.float16))
    assert (
        half.frames.nbytes == full.frames.nbytes // 2 == (half.folder / "frames.f16").stat().st_size
    )
    assert half.digest != full.digest


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_coordinates_too_large_for_half_precision_are_refused(tmp_path, on_error: str) -> None:
    clip = make_clip(3, 0)
    clip.skeleton[1, 0, 2, 0] = -70000.0

    with pytest.raises(ValueError, match=r"clip00.*within 65504.*float16, got 70000"):
        prepare(source_of([clip]), None, tmp_path, dtype="float16", on_error=on_error)

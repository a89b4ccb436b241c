import json
import multiprocessing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data import DATASETS
from data.dataset import Clip, RawClip
from data.store import ArrayStore, StoreMissingError, ensure_store, open_store, prepare
from data.store_files import CLIPS, FRAMES, MANIFEST, write_store
from tests.data.stores import CHAIN, make_clip, make_store, split_chain

SMALL = {"num_classes": 2, "num_subjects": 3, "num_takes": 1, "num_frames": 8}


def test_a_store_gives_back_what_was_read(tmp_path: Path) -> None:
    clips = [make_clip(length, number) for number, length in enumerate([1, 5, 3])]

    store = make_store(tmp_path, clips)

    assert store.names.tolist() == ["clip00", "clip01", "clip02"]
    assert store.labels.tolist() == [0, 1, 0]
    assert store.subjects.tolist() == [0, 1, 2]
    assert store.offsets.tolist() == [0, 1, 6, 9]
    for clip, begin, end in zip(clips, store.offsets, store.offsets[1:], strict=False):
        np.testing.assert_array_equal(store.frames[begin:end], clip.skeleton)


def test_the_description_survives_the_round_trip(synthetic_store: ArrayStore) -> None:
    full = DATASETS["synthetic"].info

    assert synthetic_store.info == replace(full, classes=full.classes[:3])


def test_a_split_holds_ascending_clip_numbers(synthetic_store: ArrayStore) -> None:
    parts = [synthetic_store.split("xsub", split) for split in ("train", "val", "test")]

    assert sorted(np.concatenate(parts)) == list(range(len(synthetic_store)))
    both = synthetic_store.split("xsub", "val", "train")
    assert both.tolist() == sorted([*parts[0], *parts[1]])
    assert both.dtype == np.int64


def test_an_unknown_protocol_is_refused_with_the_known_ones(synthetic_store: ArrayStore) -> None:
    with pytest.raises(ValueError, match="protocols xsub, got 'xview'"):
        synthetic_store.split("xview", "train")


@pytest.mark.parametrize("splits", [(), ("train", "dev")])
def test_an_unknown_split_is_refused_with_the_known_ones(
    synthetic_store: ArrayStore, splits: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="train, val, test"):
        synthetic_store.split("xsub", *splits)


def test_the_manifest_counts_clips_by_protocol_split_and_class(tmp_path: Path) -> None:
    store = make_store(tmp_path, [make_clip(2, number) for number in range(6)])

    assert store.manifest["counts"] == {
        "xsub": {
            "train": {"left": 1, "right": 1},
            "val": {"left": 1, "right": 1},
            "test": {"left": 1, "right": 1},
        }
    }
    assert store.manifest["num_clips"] == 6
    assert store.manifest["num_frames"] == 12


def test_clips_without_a_body_are_left_out_with_the_reason(tmp_path: Path) -> None:
    nobody = make_clip(4, 1, skeleton=np.zeros((4, 2, 3, 3), dtype=np.float32))

    store = make_store(tmp_path, [make_clip(2, 0), nobody])

    assert len(store) == 1
    assert store.manifest["skipped"] == [{"name": "clip01", "reason": "no body in any frame"}]


def test_a_data_set_without_a_usable_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no clip to store"):
        make_store(tmp_path, [])


def test_the_same_content_has_the_same_digest(tmp_path: Path) -> None:
    clips = [make_clip(3, 0), make_clip(2, 1)]

    one, other = make_store(tmp_path / "one", clips), make_store(tmp_path / "other", clips)

    assert len(one.digest) == 64
    assert one.digest == other.digest


CHANGES = {
    "coordinate": {"skeleton": make_clip(3, 0).skeleton + np.float32(1e-3)},
    "length": {"skeleton": make_clip(3, 0).skeleton[:2]},
    "label": {"label": 1},
    "subject": {"subject": 2},
    "camera": {"camera": 2},
    "name": {"name": "other"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_digest_follows_every_field_of_a_clip(tmp_path: Path, change: str) -> None:
    clip = make_clip(3, 0)

    one = make_store(tmp_path / "one", [clip])
    other = make_store(tmp_path / "other", [clip._replace(**CHANGES[change])])

    assert one.digest != other.digest


def test_the_digest_follows_the_splits_and_the_graph(tmp_path: Path) -> None:
    clips = [make_clip(3, 0), make_clip(2, 1)]
    origin = {"source": None, "options": {}}
    digests = set()
    for number, info in enumerate([CHAIN, CHAIN, replace(CHAIN, edges=((0, 1), (2, 0)))]):
        folder = tmp_path / str(number)
        folder.mkdir()
        rule = split_chain if number else lambda table: np.array(["train", "train"])
        write_store(folder, clips, info, {"xsub": rule}, origin)
        digests.add(json.loads((folder / MANIFEST).read_text())["digest"])

    assert len(digests) == 3


def test_a_missing_store_says_how_to_prepare_it(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError, match="skeltune data prepare nw_ucla --raw DIR"):
        open_store("nw_ucla", tmp_path)


def test_an_unknown_data_set_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"synthetic, ntu60, .*utd_mhad.* got 'ntu'"):
        open_store("ntu", tmp_path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, len(content), 32):
        content[place] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("file", [FRAMES, CLIPS, MANIFEST])
def test_a_damaged_store_says_how_to_prepare_it_again(tmp_path: Path, file: str, damage) -> None:
    store = make_store(tmp_path, [make_clip(3, 0), make_clip(20, 1)])

    damage(store.folder / file)

    with pytest.raises(ValueError, match=r"damaged.*prepare it again.*--overwrite"):
        open_store("nw_ucla", tmp_path)


def test_another_format_version_says_how_to_prepare_it_again(tmp_path: Path) -> None:
    store = make_store(tmp_path, [make_clip(3, 0)])
    manifest = store.manifest | {"format_version": 0}
    (store.folder / MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(ValueError, match=r"version must be 2, got 0.*prepare it again"):
        open_store("nw_ucla", tmp_path)


def test_raw_files_are_asked_for_where_they_are_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"made from raw files.*--raw DIR"):
        prepare("nw_ucla", None, tmp_path)
    with pytest.raises(StoreMissingError):
        ensure_store("nw_ucla", tmp_path)


def test_an_unknown_option_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"num_classes.*got \['classes'\]"):
        prepare("synthetic", None, tmp_path, classes=3)


def test_the_synthetic_set_is_prepared_when_first_used(tmp_path: Path) -> None:
    first = ensure_store("synthetic", tmp_path)
    second = ensure_store("synthetic", tmp_path)

    assert len(first) == 480
    assert second.digest == first.digest


def test_preparing_again_with_the_same_options_keeps_the_store(tmp_path: Path) -> None:
    store = prepare("synthetic", None, tmp_path, **SMALL)
    written = (store.folder / MANIFEST).stat().st_mtime_ns

    again = prepare("synthetic", None, tmp_path, **SMALL)

    assert again.digest == store.digest
    assert (store.folder / MANIFEST).stat().st_mtime_ns == written


def test_preparing_again_with_other_options_needs_overwrite(tmp_path: Path) -> None:
    prepare("synthetic", None, tmp_path, **SMALL)
    other = SMALL | {"num_takes": 2}

    with pytest.raises(ValueError, match="overwrite it or choose another root"):
        prepare("synthetic", None, tmp_path, **other)

    assert len(prepare("synthetic", None, tmp_path, overwrite=True, **other)) == 12


def test_overwriting_repairs_a_damaged_store(tmp_path: Path) -> None:
    store = prepare("synthetic", None, tmp_path, **SMALL)
    cut(store.folder / FRAMES)

    repaired = prepare("synthetic", None, tmp_path, overwrite=True, **SMALL)

    assert repaired.digest == store.digest


def test_a_reader_keeps_its_frames_while_the_store_is_overwritten(tmp_path: Path) -> None:
    store = prepare("synthetic", None, tmp_path, **SMALL)
    before = np.array(store.frames)

    prepare("synthetic", None, tmp_path, overwrite=True, **(SMALL | {"seed": 5}))

    np.testing.assert_array_equal(store.frames, before)


def make_chain(number: int) -> Clip:
    return make_clip(3, number, label=number)


def scan_failing(raw: Path | None) -> list[RawClip]:
    return [RawClip(f"clip{number:02d}", partial(make_chain, number)) for number in range(3)]


@pytest.fixture
def failing_source(monkeypatch: pytest.MonkeyPatch) -> None:
    source = replace(DATASETS["nw_ucla"], info=CHAIN, scan=scan_failing)
    monkeypatch.setitem(DATASETS, "nw_ucla", source)


@pytest.mark.usefixtures("failing_source")
def test_a_failed_preparation_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="label must be in"):
        prepare("nw_ucla", tmp_path, tmp_path / "stores")

    assert list((tmp_path / "stores").iterdir()) == []


@pytest.mark.usefixtures("failing_source")
def test_a_failed_overwrite_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = make_store(tmp_path, [make_clip(3, 0)])

    with pytest.raises(ValueError, match="label must be in"):
        prepare("nw_ucla", tmp_path, tmp_path, overwrite=True)

    assert open_store("nw_ucla", tmp_path).digest == store.digest
    assert [path.name for path in tmp_path.iterdir()] == ["nw_ucla"]


def prepare_at_once(root: Path, barrier, digests) -> None:
    barrier.wait()
    digests.put(prepare("synthetic", None, root, **SMALL).digest)


def test_several_preparers_at_once_leave_one_whole_store(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, digests = context.Barrier(4), context.Queue()
    workers = [
        context.Process(target=prepare_at_once, args=(tmp_path, barrier, digests)) for _ in range(4)
    ]

    for worker in workers:
        worker.start()
    found = {digests.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join(timeout=60)

    assert found == {open_store("synthetic", tmp_path).digest}
    assert [path.name for path in tmp_path.iterdir()] == ["synthetic"]


def test_the_loser_of_a_race_takes_the_winners_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan_while_another_finishes(raw: Path | None) -> list[RawClip]:
        make_store(tmp_path, [make_clip(9, 0)])
        return [RawClip("clip00", partial(make_clip, 3, 0))]

    source = replace(DATASETS["nw_ucla"], info=CHAIN, scan=scan_while_another_finishes)
    source = replace(source, splits={"xsub": split_chain})
    monkeypatch.setitem(DATASETS, "nw_ucla", source)

    store = prepare("nw_ucla", tmp_path, tmp_path)

    assert store.offsets.tolist() == [0, 9]
    assert [path.name for path in tmp_path.iterdir()] == ["nw_ucla"]

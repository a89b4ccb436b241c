import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data import DATASETS
from data.preparation import prepare
from data.store import (
    ArrayStore,
    StoreDamagedError,
    StoreMissingError,
    open_store,
    prepared_names,
    read_manifest,
)
from data.store_files import CLIPS, MANIFEST
from tests.data.stores import CHAIN, make_clip, make_store, source_of

FRAMES = "frames.f32"


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
    "setup": {"setup": 2},
    "part": {"part": "train"},
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
    source = source_of(clips)
    changed = [
        source,
        replace(source, splits={"xsub": lambda table: np.array(["train", "train"])}),
        source_of(clips, replace(CHAIN, edges=((0, 1), (2, 0)))),
    ]

    stores = [prepare(s, None, tmp_path / str(number)) for number, s in enumerate(changed)]

    assert len({store.digest for store in stores}) == 3


def test_a_missing_store_says_how_to_prepare_it(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError, match="skeltune data prepare nw_ucla --raw DIR"):
        open_store("nw_ucla", tmp_path)


def test_an_unknown_store_is_refused_with_those_there_are_and_could_be(tmp_path: Path) -> None:
    make_store(tmp_path, [make_clip(3, 0)], replace(CHAIN, name="mine"))

    with pytest.raises(
        StoreMissingError, match=r"did you mean 'ntu60'.*prepared: mine; known: syn"
    ):
        open_store("ntu06", tmp_path)


def test_a_store_is_opened_whether_or_not_its_name_is_in_the_table(tmp_path: Path) -> None:
    store = make_store(tmp_path, [make_clip(3, 0)], replace(CHAIN, name="mine"))

    opened = open_store("mine", tmp_path)

    assert opened.name == "mine"
    assert opened.digest == store.digest
    assert prepared_names(tmp_path) == ["mine"]
    assert read_manifest("mine", tmp_path) == store.manifest


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

    with pytest.raises(StoreDamagedError, match=r"damaged.*nw_ucla --raw DIR --overwrite"):
        open_store("nw_ucla", tmp_path)


def test_another_format_version_says_how_to_prepare_it_again(tmp_path: Path) -> None:
    store = make_store(tmp_path, [make_clip(3, 0)])
    manifest = store.manifest | {"format_version": 0}
    (store.folder / MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(StoreDamagedError, match=r"version must be 2, got 0.*prepare it again"):
        open_store("nw_ucla", tmp_path)


def test_verifying_finds_a_flipped_byte_that_opening_had_no_time_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(tmp_path, [make_clip(3, 0)])
    monkeypatch.setattr("data.store.VERIFY_BYTES", 0)
    content = bytearray((store.folder / FRAMES).read_bytes())
    content[7] ^= 1
    (store.folder / FRAMES).write_bytes(content)

    opened = open_store("nw_ucla", tmp_path)

    with pytest.raises(StoreDamagedError, match=r"frames\.f32 does not have the recorded SHA-256"):
        opened.verify()


def test_a_store_without_a_clip_in_any_split_is_refused(tmp_path: Path) -> None:
    source = source_of([make_clip(3, 0), make_clip(4, 1)])
    nowhere = replace(source, splits={"xsub": lambda clips: np.array(["", ""])})

    with pytest.raises(ValueError, match="none of 2 clips is in any split"):
        prepare(nowhere, None, tmp_path)

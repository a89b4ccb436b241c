from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.store import open_store
from orchestrator.engine.errors import StorageError
from orchestrator.storage import scratch as scratches
from orchestrator.storage.data_sets import bring_stores, fetch_store, offer_stores
from orchestrator.storage.place import Place
from orchestrator.storage.worker import Kept, TrialFolder
from tests.engine.trials import make_config, prepare_tiny


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The disk of a node of its own."""
    folder = tmp_path / "node"
    folder.mkdir()
    monkeypatch.setattr(scratches.tempfile, "tempdir", str(folder))
    scratches.own_scratch.cache_clear()
    yield folder
    scratches.own_scratch.cache_clear()


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    prepare_tiny(root)
    return root


def written(folder: TrialFolder, **files: str) -> TrialFolder:
    folder.root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        beside = folder.root / ".beside"
        beside.write_text(content)
        os.replace(beside, folder.root / name.replace("_", "."))
    return folder


def test_a_trial_goes_on_elsewhere_from_its_last_told_epoch(place: Place, tmp_path: Path):
    here = written(TrialFolder(tmp_path / "here", place), last_pt="epoch 0")
    here.push()
    written(here, last_pt="epoch 1, not told")

    there = TrialFolder(tmp_path / "there", place)
    there.fetch()

    assert [path.name for path in there.root.iterdir()] == ["last.pt"]
    assert (there.root / "last.pt").read_text() == "epoch 0"


def test_what_a_dead_worker_left_on_the_node_is_not_gone_on_from(place: Place, tmp_path: Path):
    written(TrialFolder(tmp_path / "node", place), last_pt="epoch 0").push()
    written(TrialFolder(tmp_path / "node"), last_pt="epoch 1", best_pt="epoch 1")

    TrialFolder(tmp_path / "node", place).fetch()

    assert {p.name: p.read_text() for p in (tmp_path / "node").iterdir()} == {"last.pt": "epoch 0"}


def test_only_what_has_changed_is_put_and_the_result_last(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    puts: list[str] = []
    monkeypatch.setattr(Place, "put", lambda place, file: puts.append(file.name))
    folder = written(TrialFolder(tmp_path / "trial", place), config_yaml="a", last_pt="0")
    folder.push()
    written(folder, last_pt="1", result_json="{}", zzz_png="").push()

    folder.push()

    assert puts == ["config.yaml", "last.pt", "last.pt", "zzz.png", "result.json"]


def test_a_folder_that_is_kept_where_it_is_stays(tmp_path: Path):
    folder = written(Kept(str(tmp_path), "data").folder("t"), last_pt="0")

    folder.fetch()
    folder.push()
    folder.leave()

    assert (tmp_path / "t" / "last.pt").read_text() == "0"


def test_the_disk_of_a_node_is_given_back(place: Place, node: Path):
    folder = written(Kept(place.uri, "data").folder("t"), last_pt="0")
    folder.push()

    folder.leave()

    assert folder.root.is_relative_to(node)
    assert not folder.root.exists()


def test_what_killed_workers_left_on_a_node_is_removed_by_the_next(node: Path):
    code = (
        "import os; from orchestrator.storage.scratch import own_scratch;"
        "(own_scratch() / 'big').touch(); print(own_scratch(), flush=True); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "TMPDIR": str(node)}
    told = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    left = Path(told.stdout.decode().strip())
    was_left = left.exists()

    mine = scratches.own_scratch()

    assert was_left
    assert (left.exists(), mine.exists()) == (False, True)


def test_weights_of_another_trial_are_fetched(place: Place, node: Path, tmp_path: Path):
    parent = written(TrialFolder(tmp_path / "trials" / "parent", place / "parent"), last_pt="w")
    config = make_config({"init_weights": str(parent.root / "last.pt")})
    parent.push()
    parent.leave()

    moved = Kept(place.uri, "data").with_weights(config)

    assert config.init_weights is not None
    assert moved.init_weights is not None
    moved.init_weights.require_unchanged()
    assert moved.init_weights.file != config.init_weights.file


def test_a_node_that_sees_the_prepared_data_uses_it_in_place(place: Place, data_root: Path):
    digest = open_store("synthetic", data_root).digest

    assert Kept("t", str(data_root), place.uri).data("synthetic", digest) == data_root


def test_a_node_that_does_not_see_the_data_fetches_it_once(
    place: Place, data_root: Path, node: Path, monkeypatch: pytest.MonkeyPatch
):
    digest = open_store("synthetic", data_root).digest
    offer_stores({"synthetic": digest}, data_root, place.uri)
    kept = Kept("t", "/nowhere", place.uri)

    root = kept.data("synthetic", digest)
    monkeypatch.setattr(Place, "fetch", None)

    assert kept.data("synthetic", digest) == root
    assert open_store("synthetic", root).digest == digest


def test_data_that_is_not_what_was_put_there_is_refused(place: Place, data_root: Path, tmp_path):
    digest = open_store("synthetic", data_root).digest
    offer_stores({"synthetic": digest}, data_root, place.uri)
    frames = place / f"synthetic-{digest[:16]}" / "frames.f32"
    frames.write(bytes(len(frames.read() or b"")))

    with pytest.raises(StorageError, match="not the data set"):
        fetch_store(place, "synthetic", digest, tmp_path)
    assert not (tmp_path / "synthetic").exists()


def test_a_driver_on_another_machine_brings_the_data_that_the_study_used(
    place: Place, data_root: Path, tmp_path: Path
):
    digest = open_store("synthetic", data_root).digest
    offer_stores({"synthetic": digest}, data_root, place.uri)

    bring_stores({"synthetic": digest, "never_put": "0"}, tmp_path, place.uri)

    assert open_store("synthetic", tmp_path).digest == digest

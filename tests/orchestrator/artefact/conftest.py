"""Two streams trained for an epoch on a tiny data set, and the artefact made of them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from data.store import ArrayStore, open_store
from orchestrator.artefact.files import save_artefact
from orchestrator.artefact.members import Artefact, make_artefact, trial_member
from orchestrator.engine.final import evaluate_final
from tests.engine.trials import make_config, train

STREAMS = ("joint", "bone")
SMALL = {"name": "stgcn", "width": 4}


@pytest.fixture(scope="session")
def store(data_root: Path) -> ArrayStore:
    return open_store("synthetic", data_root)


@pytest.fixture(scope="session")
def trials(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each stream's trial, which scored the test split."""
    folders = {}
    for stream in STREAMS:
        folders[stream] = tmp_path_factory.mktemp(stream)
        changes = {"model": SMALL, "data.stream": stream, "epochs": 1, "select_on": "none"}
        train(make_config(changes), folders[stream], data_root)
        evaluate_final(folders[stream], data_root, device="cpu")
    return folders


@pytest.fixture(scope="session")
def artefact(trials: dict[str, Path], store: ArrayStore) -> Artefact:
    members = [
        trial_member(trials["joint"], store),
        trial_member(trials["bone"], store, weight=0.5),
    ]
    return make_artefact("tiny", members, store, lineage={"study": "none"})


@pytest.fixture(scope="session")
def saved(artefact: Artefact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact's folder, which is only read."""
    folder = tmp_path_factory.mktemp("saved") / "tiny"
    save_artefact(folder, artefact, {"card.md": "# Tiny\n"})
    return folder


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Callable[[], Path]:
    """A fresh copy, to be damaged."""

    def copy() -> Path:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        return Path(shutil.copytree(saved, tmp_path / "copy"))

    return copy

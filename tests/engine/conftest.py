"""A tiny prepared data set, and one trial that ran all its epochs on it."""

from pathlib import Path
from typing import NamedTuple

import pytest

from data.store import ArrayStore, open_store
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.state import EpochMetrics
from tests.engine.trials import make_config, prepare_tiny, train


class Finished(NamedTuple):
    """A trial trained without a break; its folder is only read."""

    files: TrialFiles
    history: list[EpochMetrics]


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    prepare_tiny(root)
    return root


@pytest.fixture(scope="session")
def store(data_root: Path) -> ArrayStore:
    return open_store("synthetic", data_root)


@pytest.fixture(scope="session")
def finished(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    out = tmp_path_factory.mktemp("finished")
    return Finished(TrialFiles(out), train(make_config(), out, data_root))

"""A tiny prepared data set, and study files that load."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.engine.documents import dump_yaml
from orchestrator.spec import Study, load_study
from tests.engine.trials import TRIAL, prepare_tiny

STUDY = {"study": "tiny", "trial": "small", "objective": {"metric": "val/top1"}}


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    prepare_tiny(root)
    return root


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[..., Path]:
    """Write studies/tiny.yaml beside trials/small.yaml."""

    def write(**content: object) -> Path:
        documents = {"trials/small.yaml": TRIAL, "studies/tiny.yaml": STUDY | content}
        for name, document in documents.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(dump_yaml(document))
        return path

    return write


@pytest.fixture
def study_of(write_study: Callable[..., Path]) -> Callable[..., Study]:
    """The study with this content, loaded."""
    return lambda **content: load_study(write_study(**content))

"""Where the real data sets are, and a small synthetic store."""

import os
from pathlib import Path

import pytest

from data import DATASETS
from data.preparation import prepare
from data.store import ArrayStore, open_store
from tests.data.preparing import NUM_CLIPS, PART, write_clips

CHECKOUT = Path(__file__).resolve().parents[2]
SMALL = {"num_classes": 3, "num_subjects": 4, "num_takes": 2, "num_frames": 20}


def find_raw(folder: str) -> Path:
    root = Path(os.environ.get("SKELTUNE_RAW", CHECKOUT.parent / "shared" / "data"))
    if not (root / folder).is_dir():
        pytest.skip(f"no real data: set SKELTUNE_RAW to the folder that has {folder}, not {root}")
    return root / folder


@pytest.fixture(scope="session")
def nw_ucla_raw() -> Path:
    return find_raw("nw_ucla")


@pytest.fixture(scope="session")
def utd_mhad_raw() -> Path:
    return find_raw("utd_mhad")


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stores")
    prepare(DATASETS["synthetic"], None, root, **SMALL)
    return root


@pytest.fixture(scope="session")
def synthetic_store(synthetic_root: Path) -> ArrayStore:
    return open_store("synthetic", synthetic_root)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder of made-up clips to prepare."""
    return write_clips(tmp_path / "raw", NUM_CLIPS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where stores are prepared."""
    return tmp_path / "stores"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few clips a part file, so that a small data set has several."""
    monkeypatch.setattr("data.part_files.CLIPS_A_PART", PART)

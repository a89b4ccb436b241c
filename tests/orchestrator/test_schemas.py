import json
from pathlib import Path

import pytest

from orchestrator.engine.config import load_trial
from orchestrator.schemas import schemas, write_schemas
from orchestrator.search.checks import check_search
from orchestrator.spec import load_study

SEARCH_SPACES = Path(__file__).resolve().parents[2] / "search_spaces"
COMMITTED = SEARCH_SPACES / "schemas"
TRIALS = sorted((SEARCH_SPACES / "trials").iterdir())
STUDIES = sorted((SEARCH_SPACES / "studies").iterdir())


def test_the_committed_schemas_are_those_of_the_code():
    committed = {path.name: json.loads(path.read_text()) for path in COMMITTED.iterdir()}

    assert committed == schemas()


def test_written_schemas_are_the_committed_files(tmp_path: Path):
    paths = write_schemas(tmp_path)

    assert sorted(path.name for path in paths) == sorted(p.name for p in COMMITTED.iterdir())
    assert all(path.read_bytes() == (COMMITTED / path.name).read_bytes() for path in paths)


@pytest.mark.parametrize("path", TRIALS, ids=lambda path: path.name)
def test_every_committed_trial_loads(path: Path):
    config = load_trial(path)

    assert path.suffix == ".yaml"
    assert config.epochs >= 1


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_every_committed_study_loads_under_its_own_name(path: Path):
    study = load_study(path)

    assert study.spec.study == path.stem
    if study.spec.search is not None:
        check_search(study)


@pytest.mark.parametrize("path", [*TRIALS, *STUDIES], ids=lambda path: path.name)
def test_every_committed_file_says_in_its_head_what_it_is_for(path: Path):
    assert path.read_text().startswith("# ")

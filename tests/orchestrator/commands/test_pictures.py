"""`skeltune picture` on made-up studies and trained trials."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.engine.errors import SkelTuneError
from orchestrator.home import Home
from orchestrator.stored import remember
from tests.engine.trials import make_config, prepare_tiny, train
from tests.orchestrator.pictures.made_up import factorial_study, made_up_results


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A study of which two variants are done, and a single trial of one epoch."""
    home = Home(tmp_path_factory.mktemp("home"))
    prepare_tiny(home.data)
    study, folder = factorial_study(home.root, seeds=2), home.study("tiny")
    made_up_results(study, folder, hits={"baseline": 0.8, "rdl=off": 0.7})
    remember(study, folder, {"experiment_id": "1"})
    train(make_config({"epochs": 1}), home.single("abc123").trial("abc123"), home.data)
    return home


@pytest.fixture
def pictured(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Call the command; the names of the files it wrote."""
    monkeypatch.setenv("SKELTUNE_HOME", str(home.root))

    def call(*arguments: str) -> set[str]:
        answer = CliRunner().invoke(app, ["picture", *arguments, "--out", str(tmp_path / "out")])
        if answer.exception is not None:
            raise answer.exception
        return {path.name for path in (tmp_path / "out").iterdir()}

    return call


def test_a_study_is_drawn_by_its_name(pictured):
    files = pictured("tiny")

    assert {"effects.png", "curves.png", "confusion.png", "captions.md"} <= files


def test_of_a_trial_all_that_it_sees_can_be_drawn(pictured):
    kinds = [part for kind in ("results", "attention", "embeddings") for part in ("--kind", kind)]

    files = pictured("abc1", *kinds, "--split", "test")

    assert {"confusion.png", "attention_joints.png", "embeddings.png"} <= files


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("tiny", "--kind", "portrait"), "must be one of results, attention, embeddings"),
        (("tiny", "--kind", "attention", "--variant", "smfl=off"), "known: baseline; rdl=off"),
        (("tiny", "--kind", "attention", "--variant", "cvsta=off"), "run all its epochs"),
        (("nobody",), "is no file, no folder"),
    ],
)
def test_what_cannot_be_drawn_is_told(pictured, arguments, problem):
    with pytest.raises(SkelTuneError, match=problem):
        pictured(*arguments)

"""`skeltune predict`, `skeltune evaluate` and `skeltune models pull` on a model in a folder."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from data.store import open_store
from orchestrator.artefact.files import load_artefact, save_artefact
from orchestrator.artefact.members import make_artefact, trial_member
from orchestrator.cli import app
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.final import evaluate_final
from tests.data.stores import make_clip, make_store
from tests.engine.trials import make_config, prepare_tiny, train


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the tiny data, and in it a trial and the model made of it."""
    home = tmp_path_factory.mktemp("home")
    store = prepare_tiny(home / "data")
    changes = {"model": {"name": "stgcn", "width": 4}, "epochs": 1, "select_on": "none"}
    train(make_config(changes), home / "trial", home / "data")
    artefact = make_artefact("tiny", [trial_member(home / "trial", store)], store)
    save_artefact(home / "model", artefact)
    return home


@pytest.fixture
def clip(home: Path, tmp_path: Path) -> Path:
    store = open_store("synthetic", home / "data")
    np.save(tmp_path / "clip.npy", store.frames[: store.offsets[1]])
    return tmp_path / "clip.npy"


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKELTUNE_HOME", str(home))


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


def test_a_table_has_the_classes_of_each_clip_by_their_probability(home: Path, clip: Path):
    answer = ask("predict", home / "model", clip, "--top", 2)

    assert answer.exit_code == 0
    assert "clip.npy" in answer.output
    assert answer.output.count(" %") == 2


def test_json_and_csv_tell_the_same(home: Path, clip: Path):
    told = json.loads(ask("predict", home / "model", clip, "--format", "json").stdout)
    rows = list(
        csv.DictReader(ask("predict", home / "model", clip, "--format", "csv").stdout.splitlines())
    )

    (answer,) = told["predictions"]
    assert [row["class"] for row in rows] == [best["class"] for best in answer["top"]]
    assert sum(best["probability"] for best in answer["top"]) == pytest.approx(1)
    assert told["digest"] == load_artefact(home / "model").description.digest


def test_a_damaged_file_is_told_and_the_exit_code_says_so(home: Path, clip: Path):
    clip.with_name("bad.npy").write_bytes(b"")

    answer = ask("predict", home / "model", clip.parent, "--format", "json")

    assert answer.exit_code == 1
    assert "bad.npy" in answer.stderr
    told = json.loads(answer.stdout)
    assert len(told["predictions"]) == len(told["refused"]) == 1


def test_what_is_no_model_is_told_with_what_is_one(clip: Path):
    with pytest.raises(SkelTuneError, match="models:/NAME@champion"):
        ask("predict", "nowhere", clip)


def test_an_evaluation_gives_the_figures_of_the_trial_with_intervals(home: Path):
    told = json.loads(ask("evaluate", home / "model", "--json").stdout)

    figures = evaluate_final(home / "trial", home / "data", device="cpu")
    for name in ("top1", "top5", "mean_class", "loss"):
        assert told[name]["value"] == pytest.approx(figures[f"test/{name}"], abs=1e-5)
        assert told[name]["low"] <= told[name]["value"] <= told[name]["high"]
    assert told["remark"] == "Clips that the model was not fitted on."


def test_looking_at_test_is_said_and_a_fitted_split_is_called_so(home: Path):
    on_test = ask("evaluate", home / "model", "--per-class")
    on_val = ask("evaluate", home / "model", "--split", "val")

    assert "look at this test split" in on_test.stderr
    assert "wave right hand" in on_test.stdout
    assert "fitted on val" in " ".join(on_val.stdout.split())
    assert on_val.stderr == ""


def test_data_of_another_skeleton_are_refused(home: Path):
    make_store(home / "data", [make_clip(5, number) for number in range(3)])

    with pytest.raises(SkelTuneError, match=r"nw_ucla differs in classes, num_joints"):
        ask("evaluate", home / "model", "--data", "nw_ucla", "--protocol", "xsub")


def test_a_pulled_folder_is_the_same_model(home: Path, tmp_path: Path):
    answer = ask("models", "pull", home / "model", "--out", tmp_path / "mine")

    pulled = load_artefact(tmp_path / "mine").description
    assert pulled == load_artefact(home / "model").description
    assert pulled.digest in answer.stdout

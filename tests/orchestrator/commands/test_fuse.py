"""`skeltune fuse` on trials that were really trained."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles, load_predictions
from orchestrator.fusing.predictions import read_predictions
from orchestrator.fusing.trials import find_predictions, predictions_on
from orchestrator.home import Home
from orchestrator.weights import evaluate_weights
from tests.engine.trials import make_config, prepare_tiny, train

STREAMS = {"joint": "aaa111", "bone": "bbb222"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with two streams of a study and one single trial, selected on test."""
    home = Home(tmp_path_factory.mktemp("home"))
    prepare_tiny(home.data)
    for stream, trial in STREAMS.items():
        config = make_config({"data.stream": stream, "epochs": 2})
        train(config, home.study("streams").trial(trial), home.data)
    config = make_config({"select_on": "test", "epochs": 1})
    train(config, home.single("ccc333").trial("ccc333"), home.data)
    return home.root


@pytest.fixture
def home(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    root = Path(shutil.copytree(trained, tmp_path / "home"))
    monkeypatch.setenv("SKELTUNE_HOME", str(root))
    return Home(root)


def answer(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["fuse", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def told(*arguments: str) -> dict:
    return json.loads(answer(*arguments, "--json"))


def test_two_trials_are_fused_on_what_they_saved(home: Home):
    fused = told("aaa111", "bbb")

    files = [home.study("streams").trial(trial) / "predictions.npz" for trial in STREAMS.values()]
    joint, bone = map(load_predictions, files)
    hits = (joint["scores"] + bone["scores"]).argmax(axis=1) == joint["labels"]
    assert fused["fused"]["top1"] == pytest.approx(100 * hits.mean())
    assert (fused["split"], fused["num_clips"], fused["points_per_clip"]) == ("val", 8, 12.5)
    assert [row["source"] for row in fused["streams"]] == [
        "mdrgcn joint aaa111",
        "mdrgcn bone bbb222",
    ]


def test_people_see_a_table_with_weights_and_what_one_clip_is_worth(home: Home):
    shown = answer("aaa111", "bbb222", "--weights", "0.6,0.4")

    assert "Fused on val" in shown
    assert "mdrgcn bone bbb222" in shown
    assert "8 clips, one clip = 12.500 points" in shown


def test_weights_are_searched_on_val_and_applied_to_test(home: Home):
    fused = told("aaa111", "bbb222", "--search", "--device", "cpu")

    folder = home.study("streams").trial("aaa111")
    config = make_config({"data.stream": "joint", "epochs": 2})
    expected = evaluate_weights(folder / "best.pt", config, "test", home.data, "cpu")
    assert (fused["split"], fused["num_clips"], fused["searched"]) == ("test", 16, True)
    assert fused["streams"][0]["top1"] == pytest.approx(expected.metrics["top1"])
    assert sum(row["weight"] for row in fused["streams"]) == pytest.approx(1)
    assert (folder / "predictions_test.npz").exists()
    assert "searched on val" in answer("aaa111", "bbb222", "--search")


def test_fused_scores_can_be_written_and_fused_again(home: Home, tmp_path: Path):
    out = tmp_path / "fused.npz"

    first = told("aaa111", "bbb222", "--out", str(out))
    again = told(str(out))

    assert again["fused"] == first["fused"]
    assert again["streams"][0]["source"] == str(out)


def test_a_trial_is_found_by_id_folder_or_file(home: Home):
    file = home.study("streams").trial("aaa111") / "predictions.npz"

    assert find_predictions(home, "aaa111") == file
    assert find_predictions(home, str(file.parent)) == file
    assert find_predictions(home, str(file)) == file
    assert find_predictions(home, "ccc").parent.name == "ccc333"


def test_weights_are_not_searched_on_test(home: Home):
    with pytest.raises(SkelTuneError, match=r"was fitted on train \+ val .*select_on: val"):
        answer("ccc333", "--search")


def test_trials_of_different_splits_are_refused(home: Home):
    with pytest.raises(SkelTuneError, match="must have one split, got test and val"):
        answer("aaa111", "ccc333")
    assert told("aaa111", "ccc333", "--on", "test", "--device", "cpu")["num_clips"] == 16


@pytest.mark.parametrize("given", ["ddd444", "no/such/folder", "*"])
def test_an_unknown_trial_is_told_with_where_trials_are(home: Home, given):
    with pytest.raises(SkelTuneError, match="is no file, no folder, and no trial's id"):
        answer(given)


def test_the_beginning_of_several_ids_is_refused(home: Home):
    shutil.copytree(home.study("streams").trial("aaa111"), home.study("streams").trial("aaa112"))

    with pytest.raises(SkelTuneError, match="beginning of several trials: aaa111, aaa112"):
        answer("aaa")


def test_a_trial_without_predictions_is_told(home: Home):
    (home.study("streams").trial("aaa111") / "predictions.npz").unlink()

    with pytest.raises(SkelTuneError, match=r"has no predictions.npz: no epoch of it"):
        answer("aaa111")


def test_a_file_by_itself_cannot_be_evaluated_on_another_split(home: Home, tmp_path: Path):
    file = tmp_path / "mine.npz"
    shutil.copy(home.study("streams").trial("aaa111") / "predictions.npz", file)

    with pytest.raises(SkelTuneError, match="has the scores of val, not of test: name the folder"):
        answer(str(file), "--on", "test")


def test_a_trial_that_has_not_ended_is_not_evaluated_on_another_split(home: Home):
    files = TrialFiles(home.study("streams").trial("aaa111"))
    files.result.unlink()

    with pytest.raises(SkelTuneError, match="a trial that has run all its epochs"):
        predictions_on("test", files.predictions, home, "cpu")


def test_data_that_was_prepared_anew_is_noticed(home: Home):
    file = find_predictions(home, "aaa111")
    np.savez(file, **{**load_predictions(file), "data_digest": np.array("of yesterday")})

    with pytest.raises(SkelTuneError, match="another preparation of synthetic: data digest"):
        answer("aaa111", "--on", "test")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"scores": np.zeros((2, 3))}, "lacks clips, data_digest, labels, protocol, split"),
        ({"scores": np.array([None])}, "is not a file of predictions"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content, problem):
    np.savez(tmp_path / "other.npz", **content)

    with pytest.raises(SkelTuneError, match=problem):
        read_predictions(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"scores": np.full((3, 2), np.nan)}, "scores must be finite"),
        ({"scores": np.zeros(3)}, r"scores must be numbers \(clips, classes\), got float64 \(3,\)"),
        ({"scores": np.zeros((0, 2))}, r"got float64 \(0, 2\)"),
        ({"labels": np.zeros(2, dtype=int)}, "3 scores need as many clips and labels"),
        ({"labels": np.array([0, 1, 2])}, r"labels must be whole numbers in 0\.\.1"),
        ({"labels": np.zeros(3)}, "labels must be whole numbers"),
    ],
)
def test_arrays_that_make_no_predictions_are_refused(tmp_path: Path, content, problem):
    whole = {
        "clips": np.array(["a", "b", "c"]),
        "labels": np.array([0, 1, 0]),
        "scores": np.zeros((3, 2)),
        **dict.fromkeys(("data_digest", "protocol", "split"), np.array("x")),
    }
    np.savez(tmp_path / "other.npz", **(whole | content))

    with pytest.raises(SkelTuneError, match=problem):
        read_predictions(tmp_path / "other.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"\x93NUMPY"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "cut.npz").write_bytes(content)

    with pytest.raises(SkelTuneError, match=r"cut\.npz is not a file of predictions"):
        read_predictions(tmp_path / "cut.npz")


def test_probabilities_can_be_summed_instead_of_scores(home: Home):
    raw, soft = told("aaa111", "bbb"), told("aaa111", "bbb", "--softmax")

    files = [home.study("streams").trial(trial) / "predictions.npz" for trial in STREAMS.values()]
    joint, bone = (torch.from_numpy(load_predictions(file)["scores"]) for file in files)
    hits = (joint.softmax(1) + bone.softmax(1)).argmax(1).numpy() == load_predictions(files[0])[
        "labels"
    ]
    assert soft["fused"]["top1"] == pytest.approx(100 * hits.mean())
    assert [row["top1"] for row in soft["streams"]] == [row["top1"] for row in raw["streams"]]


def test_a_text_file_is_refused(tmp_path: Path):
    (tmp_path / "notes.npz").write_text("not an archive")

    with pytest.raises(SkelTuneError, match="is not a file of predictions"):
        read_predictions(tmp_path / "notes.npz")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--on", "train"), "--on must be val or test, got 'train'"),
        (("--search", "--weights", "1"), "exclude each other"),
        (("--weights", "1,2"), "1 streams need as many weights, got 2"),
    ],
)
def test_options_that_contradict_each_other_are_refused(home: Home, options, problem):
    with pytest.raises(SkelTuneError, match=problem):
        answer("aaa111", *options)


def test_weights_that_are_no_numbers_are_refused(home: Home):
    result = CliRunner().invoke(app, ["fuse", "aaa111", "--weights", "half"])

    assert result.exit_code == 2
    assert "numbers with commas" in result.output

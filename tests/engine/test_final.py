"""The look at the locked split."""

from pathlib import Path

import pytest

from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles, load_predictions
from orchestrator.engine.final import evaluate_final
from orchestrator.engine.trial import load_result
from tests.engine.trials import make_config, train

LAST = {"select_on": "none", "epochs": 1}


def test_the_look_has_the_figures_that_a_training_selected_on_test_has(
    data_root: Path, tmp_path: Path
):
    train(make_config(LAST), tmp_path / "final", data_root)
    train(make_config(LAST | {"select_on": "test"}), tmp_path / "replay", data_root)

    figures = evaluate_final(tmp_path / "final", data_root, device="cpu")

    replay = load_result(TrialFiles(tmp_path / "replay"))["best"]
    assert figures == {key: replay[key] for key in replay if key.startswith("test/")}


def test_the_scores_become_the_predictions_of_the_trial(data_root: Path, store, tmp_path: Path):
    train(make_config(LAST), tmp_path, data_root)

    evaluate_final(tmp_path, data_root, device="cpu")

    predictions = load_predictions(TrialFiles(tmp_path).predictions)
    assert predictions["clips"].tolist() == store.names[store.split("xsub", "test")].tolist()
    assert str(predictions["split"]) == "test"


def test_damaged_clips_are_looked_at_too_where_the_trial_asks_for_them(
    data_root: Path, tmp_path: Path
):
    train(make_config(LAST | {"robust_noise": 0.5}), tmp_path, data_root)

    figures = evaluate_final(tmp_path, data_root, device="cpu")

    assert figures["test/robust_loss"] != figures["test/loss"]


def test_another_trial_keeps_its_own_predictions(data_root: Path, tmp_path: Path):
    train(make_config({"epochs": 1}), tmp_path, data_root)

    evaluate_final(tmp_path, data_root, device="cpu")

    files = TrialFiles(tmp_path)
    assert str(load_predictions(files.predictions)["split"]) == "val"
    assert str(load_predictions(files.predictions_on("test"))["split"]) == "test"


@pytest.mark.parametrize(
    ("split", "stop_after", "message"),
    [("test", 1, "has not run all its epochs"), ("val", None, r"was fitted on train \+ val")],
)
def test_a_look_that_would_say_nothing_is_refused(
    data_root: Path, tmp_path: Path, split, stop_after, message
):
    train(make_config(LAST | {"epochs": 2}), tmp_path, data_root, stop_after=stop_after)

    with pytest.raises(SkelTuneError, match=message):
        evaluate_final(tmp_path, data_root, split=split)

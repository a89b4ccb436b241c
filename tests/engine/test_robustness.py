from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.engine.config import TrialConfig
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.trial import load_result, train_epochs
from tests.engine.trials import make_config, train

NOISE = {"robust_noise": 0.5, "epochs": 2}


def best_of(changes: dict[str, object], out: Path, data_root: Path) -> dict[str, float]:
    train(make_config(changes), out, data_root)
    return load_result(TrialFiles(out))["best"]


def robust(figures: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if "robust" in name}


def test_a_trial_says_how_its_best_weights_do_on_damaged_clips(tmp_path: Path, data_root: Path):
    best = best_of(NOISE, tmp_path, data_root)

    assert robust(best).keys() == {
        "val/robust_top1",
        "val/robust_top5",
        "val/robust_mean_class",
        "val/robust_loss",
    }
    assert best["val/robust_loss"] != best["val/loss"]


def test_the_figures_are_those_of_a_training_that_was_evaluated_with_noise(
    tmp_path: Path, data_root: Path
):
    """Noise in the test alone leaves the training as it is."""
    last = {"select_on": "test", "epochs": 1}
    noisy = {"data.noise": 0.5, "data.noise_split": "test"}

    robust_best = best_of(last | {"robust_noise": 0.5}, tmp_path / "robust", data_root)
    noisy_best = best_of(last | noisy, tmp_path / "noisy", data_root)

    assert robust_best["test/robust_loss"] == pytest.approx(noisy_best["test/loss"])
    assert robust_best["test/loss"] != pytest.approx(noisy_best["test/loss"])


def test_a_trial_that_was_killed_before_its_result_has_the_same_figures(
    tmp_path: Path, data_root: Path
):
    config: TrialConfig = make_config(NOISE)
    train(config, tmp_path, data_root)
    first = load_result(TrialFiles(tmp_path))
    TrialFiles(tmp_path).result.unlink()

    list(train_epochs(config, tmp_path, data_root=data_root, device="cpu"))

    assert load_result(TrialFiles(tmp_path)) == first


def test_without_it_nothing_is_added_and_the_trial_is_the_one_that_it_was():
    plain = make_config().plain()

    assert plain.pop("robust_noise") is None
    assert make_config().digest("data") == TrialConfig.model_validate(plain).digest("data")


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_outside_of_0_to_1_is_refused(share):
    with pytest.raises(ValidationError, match="robust_noise"):
        TrialConfig.model_validate(make_config().plain() | {"robust_noise": share})

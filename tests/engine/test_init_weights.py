"""Trials that start from saved weights."""

from pathlib import Path

import pytest
import torch

from data.store import ArrayStore
from orchestrator.engine.config import resolve_trial
from orchestrator.engine.errors import SpecError
from orchestrator.engine.files import load_state, save_state
from orchestrator.engine.network import build_model, load_weights
from tests.engine.conftest import Finished
from tests.engine.trials import TRIAL, make_config


def starting_from(path: Path, **changes):
    return make_config({"init_weights": str(path), **changes})


def test_a_trial_starts_from_the_weights_it_names(finished: Finished, store: ArrayStore):
    model = build_model(starting_from(finished.files.best), store.info)

    saved = load_state(finished.files.best)["model"]
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())


def test_a_classifier_for_other_classes_stays_fresh(finished: Finished, store, tmp_path: Path):
    saved = load_state(finished.files.best)
    for key in ("classifiers.main.weight", "classifiers.main.bias"):
        saved["model"][key] = saved["model"][key][:3]
    save_state(tmp_path / "three.pt", saved)

    model = build_model(starting_from(tmp_path / "three.pt"), store.info)

    fresh = build_model(make_config(), store.info)
    assert torch.equal(model.classifiers["main"].weight, fresh.classifiers["main"].weight)
    assert torch.equal(model.data_norm.norm.weight, saved["model"]["data_norm.norm.weight"])


def test_weights_of_another_model_are_refused_with_keys_and_shapes(finished: Finished, store):
    config = starting_from(finished.files.best, **{"model.width": 8})

    with pytest.raises(ValueError, match=r"layers\.0\..* \(24, 3\), got \(12, 3\).* more"):
        build_model(config, store.info)


def test_weights_that_have_to_fit_whole_need_the_classifier_too(
    finished: Finished, store, tmp_path
):
    saved = load_state(finished.files.best)
    del saved["model"]["classifiers.main.bias"]
    save_state(tmp_path / "w.pt", saved)

    with pytest.raises(ValueError, match=r"classifiers\.main\.bias \(4,\), missing"):
        load_weights(build_model(make_config(), store.info), tmp_path / "w.pt", whole=True)


def test_the_identity_of_a_trial_has_the_content_of_its_weights_not_their_place(
    finished: Finished, tmp_path: Path
):
    copied, other = tmp_path / "copied.pt", tmp_path / "other.pt"
    copied.write_bytes(finished.files.best.read_bytes())
    save_state(other, {"model": {}})

    digest = starting_from(finished.files.best).digest("data")

    assert starting_from(copied).digest("data") == digest
    assert starting_from(other).digest("data") != digest
    assert make_config().digest("data") != digest


def test_a_resolved_configuration_with_weights_is_read_back_unchanged(finished: Finished):
    config = starting_from(finished.files.best)

    assert resolve_trial(config.plain(), {}, "config.yaml") == config


def test_weights_that_are_not_there_are_a_problem_of_the_file():
    with pytest.raises(SpecError, match=r"init_weights.*cannot read .*nowhere.pt: No such file"):
        resolve_trial({**TRIAL, "init_weights": "/nowhere.pt"}, {}, "trial.yaml")

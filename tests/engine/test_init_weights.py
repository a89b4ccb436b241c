"""Trials that start from saved weights."""

from pathlib import Path

import pytest
import torch

from data.store import ArrayStore
from models.interface import SkeletonModel
from orchestrator.engine.config import TrialConfig, resolve_trial, value_at
from orchestrator.engine.errors import SpecError
from orchestrator.engine.files import load_state, save_state
from orchestrator.engine.network import build_model, load_init_weights, load_weights
from orchestrator.engine.trial import train_epochs
from tests.engine.conftest import Finished
from tests.engine.trials import TRIAL, make_config


def starting_from(path: Path, **changes):
    return make_config({"init_weights": str(path), **changes})


def started(config: TrialConfig, store: ArrayStore) -> SkeletonModel:
    model = build_model(config, store.info)
    load_init_weights(model, config)
    return model


def test_a_trial_starts_from_the_weights_it_names(finished: Finished, store: ArrayStore):
    model = started(starting_from(finished.files.best), store)

    saved = load_state(finished.files.best)["model"]
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())


def test_a_classifier_for_other_classes_stays_fresh(finished: Finished, store, tmp_path: Path):
    saved = load_state(finished.files.best)
    for key in ("classifiers.main.weight", "classifiers.main.bias"):
        saved["model"][key] = saved["model"][key][:3]
    save_state(tmp_path / "three.pt", saved)

    model = started(starting_from(tmp_path / "three.pt"), store)

    fresh = build_model(make_config(), store.info)
    assert torch.equal(model.classifiers["main"].weight, fresh.classifiers["main"].weight)
    assert torch.equal(model.data_norm.norm.weight, saved["model"]["data_norm.norm.weight"])


def test_a_classifier_of_another_kind_stays_fresh(finished: Finished, store: ArrayStore):
    margin = {"loss": {"classification": {"name": "cosface"}}}
    model = started(starting_from(finished.files.best, **margin), store)

    fresh = build_model(make_config(margin), store.info)
    saved = load_state(finished.files.best)["model"]
    assert model.classifiers["main"].weight.shape == saved["classifiers.main.weight"].shape
    assert torch.equal(model.classifiers["main"].weight, fresh.classifiers["main"].weight)


def test_a_trial_is_resumed_without_the_weights_it_started_from(
    finished: Finished, data_root: Path, tmp_path: Path
):
    weights = tmp_path / "start.pt"
    weights.write_bytes(finished.files.best.read_bytes())
    config = starting_from(weights, epochs=2)
    first = next(train_epochs(config, tmp_path / "trial", data_root=data_root))
    weights.unlink()

    epochs = list(train_epochs(config, tmp_path / "trial", data_root=data_root))

    assert epochs[0] == first
    assert [int(epoch["epoch"]) for epoch in epochs] == [0, 1]
    with pytest.raises(ValueError, match=r"there is no file .*start\.pt"):
        list(train_epochs(config, tmp_path / "fresh", data_root=data_root))


def test_a_trial_is_resumed_with_its_weights_at_another_place(
    finished: Finished, data_root: Path, tmp_path: Path
):
    first, second = tmp_path / "first.pt", tmp_path / "second.pt"
    for path in (first, second):
        path.write_bytes(finished.files.best.read_bytes())
    next(train_epochs(starting_from(first, epochs=2), tmp_path / "trial", data_root=data_root))

    moved = starting_from(second, epochs=2)
    epochs = list(train_epochs(moved, tmp_path / "trial", data_root=data_root))

    assert len(epochs) == 2


def test_weights_of_another_model_are_refused_with_keys_and_shapes(finished: Finished, store):
    config = starting_from(finished.files.best, **{"model.width": 8})

    with pytest.raises(ValueError, match=r"layers\.0\..* \(24, 3\), got \(12, 3\).* more"):
        started(config, store)


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


def test_a_path_from_the_current_folder_is_made_absolute(finished: Finished, monkeypatch):
    monkeypatch.chdir(finished.files.root)
    named = {"file": finished.files.best.name, "sha256": "0" * 64}

    config = make_config({"init_weights": named})

    assert config.init_weights.file == finished.files.best.resolve()
    assert value_at(config.plain(), "init_weights") == str(finished.files.best.resolve())


def test_a_digest_has_64_hexadecimal_digits():
    named = {"file": "w.pt", "sha256": "abc"}
    with pytest.raises(SpecError, match=r"init_weights.*sha256.*abc"):
        resolve_trial({**TRIAL, "init_weights": named}, {}, "trial.yaml")


def test_the_schema_takes_a_path_or_a_mapping():
    field = TrialConfig.model_json_schema()["properties"]["init_weights"]

    kinds = [kind.get("type", kind.get("$ref")) for kind in field["anyOf"]]
    assert kinds == ["string", "#/$defs/WeightsFile", "null"]

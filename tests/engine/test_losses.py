"""Losses that bring their own classifier or state, and models with several heads, in training."""

from pathlib import Path

import pytest
import torch

from data.store import ArrayStore
from losses import LOSSES
from losses.margin import MarginLoss
from models.interface import ModelOutput
from orchestrator.engine.files import TrialFiles, load_predictions, load_state
from orchestrator.engine.network import build_model
from orchestrator.engine.state import build_state
from orchestrator.engine.trial import total_loss
from tests.engine.trials import make_config, train, untimed

CPU = torch.device("cpu")
MARGINS = [n for n, b in LOSSES["classification"].items() if isinstance(b(), MarginLoss)]
DUALHEAD = {"name": "dualhead", "width": 12, "fine_width": 6, "gcn_scales": 2, "g3d_scales": 2}


def with_loss(name, **others):
    return make_config({"loss": {"classification": {"name": name}}, **others})


@pytest.mark.parametrize("name", MARGINS)
def test_a_margin_loss_replaces_the_classifier_and_trains_it(name, data_root: Path, tmp_path: Path):
    history = train(with_loss(name, epochs=1), tmp_path, data_root)

    saved = load_state(TrialFiles(tmp_path).best)["model"]
    own = {key for key in saved if key.startswith("classifiers.main.")}
    assert own
    assert "classifiers.main.bias" not in own
    assert history[0]["train/loss"] > 0


def test_a_margin_changes_the_loss_but_not_the_scores(store: ArrayStore):
    changes = {"loss": {"classification": {"name": "cosface", "margin": 0.0}}}
    plain, strict = (
        build_state(make_config({**changes, "loss.classification.margin": margin}), store, CPU)
        for margin in (0.0, 0.5)
    )
    x, labels = torch.randn(4, 3, 8, 25, 1), torch.tensor([0, 1, 2, 3])

    outputs = [state.model(x) for state in (plain, strict)]

    assert torch.equal(outputs[0].scores, outputs[1].scores)
    assert total_loss(strict, outputs[1], labels) > total_loss(plain, outputs[0], labels)


@pytest.mark.parametrize("name", ["arcface", "cosface", "lace"])
def test_every_head_of_a_model_gets_a_classifier_of_its_own(name, store: ArrayStore):
    model = build_model(with_loss(name, model=DUALHEAD), store.info)

    kinds = {type(classifier) for classifier in model.classifiers.values()}
    assert len(kinds) == 1
    assert torch.nn.Linear not in kinds


def test_sphereface_is_refused_where_its_feature_is_not_the_embedding(store: ArrayStore):
    with pytest.raises(ValueError, match=r"one head .* got heads fine, coarse"):
        build_model(with_loss("sphereface", model=DUALHEAD), store.info)


def test_weight_decay_leaves_the_classifier_of_a_margin_loss_alone(store: ArrayStore):
    state = build_state(with_loss("lace", **{"optimizer.weight_decay": 0.1}), store, CPU)

    decayed, undecayed = state.optimizers[0].param_groups
    assert (decayed["weight_decay"], undecayed["weight_decay"]) == (0.1, 0.0)
    own = set(map(id, state.model.classifiers.parameters()))
    assert {id(parameter) for parameter in undecayed["params"]} == own
    assert len(decayed["params"]) + len(own) == len(list(state.model.parameters()))


@pytest.mark.parametrize(
    "loss",
    [
        {"classification": {"name": "sphereface"}},
        {"embedding": {"name": "center"}},
    ],
    ids=["sphereface", "center"],
)
def test_a_loss_with_a_state_goes_on_from_it_after_an_interruption(
    loss, data_root: Path, tmp_path: Path
):
    config = make_config({"loss": loss, "epochs": 2})
    whole = train(config, tmp_path / "whole", data_root)

    train(config, tmp_path / "resumed", data_root, stop_after=1)
    resumed = train(config, tmp_path / "resumed", data_root)

    assert [untimed(m) for m in resumed] == [untimed(m) for m in whole]


def test_the_heads_count_with_the_weights_of_their_model(store: ArrayStore):
    state = build_state(make_config({"loss": {}, "model": DUALHEAD}), store, CPU)
    labels = torch.tensor([0, 1])
    heads = {"fine": torch.randn(2, 4), "coarse": torch.randn(2, 4)}

    loss = total_loss(state, ModelOutput(heads, heads["fine"], heads["fine"]), labels)

    each = [torch.nn.functional.cross_entropy(logits, labels) for logits in heads.values()]
    torch.testing.assert_close(loss, 0.5 * each[0] + 0.5 * each[1])


def test_every_head_of_a_model_is_measured_and_kept(data_root: Path, tmp_path: Path):
    history = train(make_config({"model": DUALHEAD, "epochs": 1}), tmp_path, data_root)

    kept = load_predictions(TrialFiles(tmp_path).predictions)
    assert {"val/top1", "val/top1_fine", "val/top1_coarse"} <= history[0].keys()
    assert kept["scores_fine"].shape == kept["scores_coarse"].shape == kept["scores"].shape

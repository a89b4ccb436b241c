"""Predictions are those of the trials that the model was made of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from data.store import ArrayStore
from orchestrator.artefact.files import load_artefact
from orchestrator.artefact.members import Artefact, make_artefact, trial_member
from orchestrator.artefact.predicting import Predictor
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.fusing.fusion import as_probabilities, weighted_sum
from orchestrator.fusing.predictions import read_predictions
from tests.orchestrator.artefact.conftest import STREAMS


def skeletons_of(store: ArrayStore, split: str) -> list[np.ndarray]:
    clips = store.split("xsub", split)
    return [store.frames[store.offsets[i] : store.offsets[i + 1]] for i in clips]


@pytest.fixture(scope="module")
def streams(trials: dict[str, Path]) -> list:
    return [read_predictions(TrialFiles(trials[stream]).predictions) for stream in STREAMS]


def test_raw_clips_get_the_scores_that_the_trials_saved_fused_as_scores_are(
    saved: Path, store: ArrayStore, streams: list
):
    found = Predictor(load_artefact(saved), device="cpu").predict(skeletons_of(store, "test"))

    expected = softmax(weighted_sum(streams, (1.0, 0.5)) / 1.5, axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found.argmax(axis=1) == weighted_sum(streams, (1.0, 0.5)).argmax(axis=1)).all()


def test_probabilities_can_be_fused_instead(
    trials: dict[str, Path], store: ArrayStore, streams: list
):
    members = [trial_member(trials[stream], store) for stream in STREAMS]
    artefact = make_artefact("tiny", members, store, fusing="probabilities")

    found = Predictor(artefact, device="cpu").predict(skeletons_of(store, "test"))

    expected = weighted_sum([as_probabilities(stream) for stream in streams], (0.5, 0.5))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_split_of_a_store_is_predicted_like_its_clips_one_by_one(
    artefact: Artefact, store: ArrayStore
):
    predictor = Predictor(artefact, device="cpu", batch_size=3)

    clips, found = predictor.predict_split(store, "xsub", "val")

    alone = [predictor.predict([skeleton])[0] for skeleton in skeletons_of(store, "val")]
    assert clips.tolist() == store.split("xsub", "val").tolist()
    np.testing.assert_allclose(found, alone, atol=1e-5)


def test_noise_of_the_training_is_not_put_on_new_clips(
    trials: dict[str, Path], store: ArrayStore, artefact: Artefact
):
    member = trial_member(trials["joint"], store)
    noisy = member.config.model_copy(
        update={"data": member.config.data.model_copy(update={"noise": 0.5})}
    )
    given = skeletons_of(store, "test")

    found = [
        Predictor(make_artefact("tiny", [type(member)("joint", config, member.network)], store))
        for config in (member.config, noisy)
    ]

    np.testing.assert_array_equal(found[0].predict(given), found[1].predict(given))
    assert (
        found[0].predict_split(store, "xsub", "test")[1]
        != found[1].predict_split(store, "xsub", "test")[1]
    ).any()


@pytest.mark.parametrize(
    ("skeleton", "message"),
    [
        (np.ones((5, 1, 24, 3)), r"\(1, 25, 3\), got \(1, 24, 3\)"),
        (np.full((5, 1, 25, 3), np.nan), "finite"),
        (np.zeros((5, 1, 25, 3)), "no body"),
        (np.ones((0, 1, 25, 3)), "no body"),
    ],
)
def test_a_clip_that_does_not_fit_is_named(artefact: Artefact, skeleton, message):
    with pytest.raises(ValueError, match=message) as caught:
        Predictor(artefact, device="cpu").predict([skeleton], ["mine"])

    assert "clip mine" in str(caught.value)


def test_no_clips_have_no_predictions(artefact: Artefact):
    assert Predictor(artefact, device="cpu").predict([]).shape == (0, 4)


def test_a_trial_of_other_data_makes_no_member(trials: dict[str, Path], store: ArrayStore):
    with pytest.raises(SkelTuneError, match="was trained on data"):
        trial_member(trials["joint"], replace(store, digest="other"))

"""Raw files of real data sets get the scores that the trial saved for its test split."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from data import DATASETS
from data.preparation import prepare
from orchestrator.artefact.inputs import predict_files
from orchestrator.artefact.members import make_artefact, trial_member
from orchestrator.artefact.predicting import Predictor
from orchestrator.engine.files import TrialFiles
from orchestrator.fusing.predictions import read_predictions
from tests.data.conftest import find_raw
from tests.engine.trials import make_config, train

FILES = {"nw_ucla": "sequences/{}.json", "utd_mhad": "skeleton/{}_skeleton.mat"}


@pytest.mark.real_data
@pytest.mark.parametrize("name", FILES)
def test_raw_files_get_the_scores_of_the_trial(name: str, tmp_path: Path):
    raw = find_raw(name)
    store = prepare(DATASETS[name], raw, tmp_path / "data")
    data = {"name": name, "clip_len": 32, "stream": "bone", "normalize": "minmax", "eval_crop": 0.9}
    model = {"name": "ctrgcn", "width": 4}
    changes = {"data": data, "model": model, "loss": {}, "epochs": 1, "max_clips": 48}
    config = make_config({**changes, "select_on": "test", "batch_size": 16})
    train(config, tmp_path / "trial", tmp_path / "data")
    saved = read_predictions(TrialFiles(tmp_path / "trial").predictions)

    artefact = make_artefact(name, [trial_member(tmp_path / "trial", store)], store)
    files = [raw / FILES[name].format(clip) for clip in saved.clips]
    found = np.stack([row for _, row in predict_files(Predictor(artefact, device="cpu"), files)])

    np.testing.assert_allclose(found, softmax(saved.scores, axis=1), atol=1e-6)

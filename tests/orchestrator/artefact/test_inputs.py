"""Raw files to predictions."""

from pathlib import Path

import numpy as np
import pytest

from data.own import ArrayFiles
from data.own_source import own_source
from data.preparation import prepare
from data.store import ArrayStore
from orchestrator.artefact.files import load_artefact, save_artefact
from orchestrator.artefact.inputs import Prediction, Refusal, find_files, predict_files
from orchestrator.artefact.members import Artefact, Member, make_artefact
from orchestrator.artefact.predicting import Predictor
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.network import build_model
from tests.data.own_files import make_dataset, make_frames
from tests.engine.trials import make_config


@pytest.fixture
def predictor(artefact: Artefact) -> Predictor:
    return Predictor(artefact, device="cpu")


@pytest.fixture
def files(store: ArrayStore, tmp_path: Path) -> list[Path]:
    """Three clips, the second of which is damaged."""
    for number in range(3):
        begin, end = store.offsets[number : number + 2]
        np.save(tmp_path / f"{number}.npy", store.frames[begin:end])
    (tmp_path / "1.npy").write_bytes(b"no array")
    return sorted(tmp_path.glob("*.npy"))


def test_a_damaged_file_is_named_and_the_others_are_predicted(
    predictor: Predictor, files: list[Path], store: ArrayStore
):
    answers = list(predict_files(predictor, files))

    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    found = [answer for answer in answers if isinstance(answer, Prediction)]
    assert [answer.name for answer in refused] == [str(files[1])]
    assert [answer.name for answer in found] == [str(files[0]), str(files[2])]
    expected = predictor.predict([store.frames[store.offsets[2] : store.offsets[3]]])[0]
    np.testing.assert_allclose(found[1].probabilities, expected, atol=1e-6)


def test_lots_change_nothing(predictor: Predictor, files: list[Path], monkeypatch):
    together = list(predict_files(predictor, [files[0], files[2]]))
    monkeypatch.setattr("orchestrator.artefact.inputs.CLIPS_A_LOT", 1)

    alone = list(predict_files(predictor, [files[0], files[2]]))

    assert [answer.name for answer in alone] == [answer.name for answer in together]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)


def test_a_wrong_number_of_joints_is_told(predictor: Predictor, tmp_path: Path):
    np.save(tmp_path / "kinect1.npy", np.ones((9, 20, 3)))

    (answer,) = predict_files(predictor, [tmp_path / "kinect1.npy"])

    assert "(1, 25, 3), got (1, 20, 3)" in answer.reason


def test_folders_give_the_files_of_the_models_data_at_any_depth(
    artefact: Artefact, files: list[Path], tmp_path: Path
):
    deep = tmp_path / "deep" / "er"
    deep.mkdir(parents=True)
    (deep / "notes.txt").touch()
    files[2].rename(deep / "2.npy")

    found = find_files([tmp_path], artefact.description.info, artefact.description.preparation)

    assert found == [*files[:2], deep / "2.npy"]


@pytest.mark.parametrize("given", ["nowhere", "empty"])
def test_what_holds_no_file_is_an_error(artefact: Artefact, tmp_path: Path, given: str):
    (tmp_path / "empty").mkdir()
    description = artefact.description

    with pytest.raises(SkelTuneError, match=rf"{given}: no file, and no folder of files in \.npy"):
        find_files([tmp_path / given], description.info, description.preparation)


def test_a_model_of_ones_own_data_knows_how_their_files_are_laid_out(tmp_path: Path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("S1C1_wave", "S2C1_bow", "S3C1_wave"):
        np.savez(raw / f"{name}.npz", make_frames(9)[:, 0].swapaxes(0, 1))
    own = make_dataset(arrays=ArrayFiles(files="*.npz", axes="V T C"))
    store = prepare(own_source(own, raw), raw, tmp_path / "data")
    data = {"name": "kitchen", "protocol": "xsub", "clip_len": 8}
    config = make_config({"data": data, "model": {"name": "stgcn", "width": 4}, "loss": {}})
    network = build_model(config, store.info).eval()
    save_artefact(tmp_path / "m", make_artefact("m", [Member("joint", config, network)], store))
    (raw / "S1C1_wave.npz").rename(tmp_path / "unknown.npz")

    predictor = Predictor(load_artefact(tmp_path / "m"), device="cpu")
    (answer,) = predict_files(predictor, [tmp_path / "unknown.npz"])

    expected = predictor.predict([make_frames(9)])[0]
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)

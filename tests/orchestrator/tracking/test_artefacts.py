"""Saved models in MLflow: registered, loaded, served over HTTP, brought to another registry."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from data.store import ArrayStore, open_store
from orchestrator.artefact.files import load_artefact, save_artefact
from orchestrator.artefact.members import make_artefact, trial_member
from orchestrator.artefact.predicting import Predictor
from orchestrator.engine.errors import SkelTuneError
from orchestrator.tracking.artefacts import fetched, push_artefact
from tests.engine.trials import make_config, train

CHECKOUT = Path(__file__).resolve().parents[3]
WITHOUT_VENDORS = """
import sys
sys.modules["ray"] = sys.modules["optuna"] = None  # importing them raises
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/tiny@champion")
print(model.predict(pandas.read_json(sys.argv[2], orient="records"))["class"].tolist())
"""
pytestmark = pytest.mark.slow


class Registered:
    """A model in a registry of its own, and three clips with the answers that are right."""

    def __init__(self, root: Path, data_root: Path) -> None:
        store: ArrayStore = open_store("synthetic", data_root)
        changes = {"model": {"name": "stgcn", "width": 4}, "epochs": 1, "select_on": "none"}
        train(make_config(changes), root / "trial", data_root)
        artefact = make_artefact("tiny", [trial_member(root / "trial", store)], store)
        self.folder, self.uri = root / "saved", f"sqlite:///{root / 'mlflow.db'}"
        save_artefact(self.folder, artefact)
        clips = [store.frames[a:b] for a, b in zip(store.offsets, store.offsets[1:4], strict=False)]
        self.probabilities = Predictor(artefact, device="cpu").predict(clips)
        self.classes = [artefact.classes[best] for best in self.probabilities.argmax(axis=1)]
        self.clips = [clip.tolist() for clip in clips]
        self.version = push_artefact(self.uri, self.folder, "tiny")
        MlflowClient(self.uri).set_registered_model_alias("tiny", "champion", self.version)


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, data_root: Path) -> Registered:
    return Registered(tmp_path_factory.mktemp("registry"), data_root)


def test_pyfunc_gives_class_and_probabilities(registered: Registered):
    mlflow.set_tracking_uri(registered.uri)

    model = mlflow.pyfunc.load_model("models:/tiny@champion")
    answer = model.predict(pd.DataFrame({"skeleton": registered.clips}))

    assert answer["class"].tolist() == registered.classes
    np.testing.assert_allclose(
        np.stack(answer["probabilities"]), registered.probabilities, atol=1e-6
    )


def test_loading_needs_neither_ray_nor_optuna(registered: Registered, tmp_path: Path):
    clips = tmp_path / "clips.json"
    clips.write_text(json.dumps([{"skeleton": clip} for clip in registered.clips]))

    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_VENDORS, registered.uri, str(clips)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == str(registered.classes)
    with fetched("models:/tiny@champion", registered.uri) as folder:
        needed = (folder.parents[1] / "requirements.txt").read_text()
    assert "torch==" in needed
    assert "ray" not in needed
    assert "optuna" not in needed


def test_fetched_files_are_those_that_were_pushed(registered: Registered):
    for place in ("models:/tiny@champion", f"models:/tiny/{registered.version}"):
        with fetched(place, registered.uri) as folder:
            found = load_artefact(folder).description
        assert found == load_artefact(registered.folder).description


def test_a_model_goes_from_one_registry_to_another(registered: Registered, tmp_path: Path):
    other = f"sqlite:///{tmp_path / 'mlflow.db'}"
    shutil.copy(Path(registered.uri.removeprefix("sqlite:///")), tmp_path / "mlflow.db")

    with fetched("models:/tiny@champion", registered.uri) as folder:
        version = push_artefact(other, folder, "theirs")

    with fetched(f"models:/theirs/{version}", other) as folder:
        assert load_artefact(folder).description == load_artefact(registered.folder).description


def test_a_model_that_was_changed_is_not_pushed(registered: Registered, tmp_path: Path):
    damaged = Path(shutil.copytree(registered.folder, tmp_path / "damaged"))
    weights = damaged / "weights" / "joint.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"skel")

    with pytest.raises(SkelTuneError, match="was changed"):
        push_artefact(registered.uri, damaged, "tiny")


@pytest.mark.parametrize(
    "place", ["models:/tiny/99", "models:/nobody@champion", "runs:/none/model"]
)
def test_a_model_that_is_not_there_is_told(registered: Registered, place: str):
    with pytest.raises(SkelTuneError, match="cannot be had"), fetched(place, registered.uri):
        pass


@pytest.fixture
def server(registered: Registered) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = "mlflow models serve -m models:/tiny@champion --env-manager local --workers 1"
    process = subprocess.Popen(
        [sys.executable, "-m", *command.split(), "--host", "127.0.0.1", "--port", str(port)],
        cwd=CHECKOUT,
        env=os.environ
        | {"MLFLOW_TRACKING_URI": registered.uri, "PYTHONPATH": str(CHECKOUT)}
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    limit = time.monotonic() + 180
    while not answers(f"{url}/ping"):
        assert process.poll() is None
        assert time.monotonic() < limit, "the server does not come up"
        time.sleep(0.5)
    yield url
    os.killpg(process.pid, 15)
    process.wait(30)


def answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=5).status == 200)
    except OSError:
        return False


def post(url: str, clips: list) -> list[dict]:
    body = json.dumps({"dataframe_records": [{"skeleton": clip} for clip in clips]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    return json.loads(urllib.request.urlopen(request, timeout=60).read())["predictions"]


def test_a_server_answers_with_the_right_classes(registered: Registered, server: str):
    answer = post(f"{server}/invocations", registered.clips)

    assert [row["class"] for row in answer] == registered.classes
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{server}/invocations", [[[[[0.0] * 3] * 24]]])
    assert refused.value.code == 400
    assert "got (1, 24, 3)" in refused.value.read().decode()

"""The whole road: a study, the gate, the way back, a server, raw files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from data import DATASETS
from data.preparation import prepare
from data.store import ArrayStore
from tests.end_to_end.conftest import TRIAL, Bench
from tests.serving import post, served

pytestmark = pytest.mark.slow

NAME = "stgcn-synthetic-xsub"
LEARNS = {
    "model": {"name": "stgcn", "width": 8},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "data": {"name": "synthetic", "clip_len": 16},
    "epochs": 12,
    "batch_size": 8,
}
VARIANTS = {"poor": {"optimizer.lr": 1e-6}, "idle": {"optimizer.lr": 1e-7}}


@pytest.fixture
def store(bench: Bench) -> ArrayStore:
    """Clips that a small model can learn in seconds, and a study of one that does and two that
    do not."""
    options = {"num_takes": 3, "num_classes": 4, "num_frames": 16}
    bench.write_trial(**TRIAL | LEARNS | {"loss": {}})
    bench.write_study(ablation={"variants": VARIANTS, "seeds": 1})
    return prepare(DATASETS["synthetic"], None, bench.home / "data", overwrite=True, **options)


def champion(bench: Bench) -> str:
    return str(bench.client.get_model_version_by_alias(NAME, "champion").version)


def test_from_a_study_to_a_model_that_answers(bench: Bench, store: ArrayStore) -> None:
    bench.skeltune("run", bench.root / "studies/tiny.yaml")

    first = bench.skeltune("promote", "tiny", "--variant", "poor", "--seeds", 1)
    refused = bench.skeltune("promote", "tiny", "--variant", "idle", "--seeds", 1, code=3)
    kept = champion(bench)
    better = bench.skeltune("promote", "tiny", "--seeds", 1)

    assert "there was no champion" in first
    assert "1st look at this test split" in first
    assert "not shown: the interval is not above 0" in refused
    assert kept == "1"
    assert "better: the interval is above 0" in better
    assert "3rd look at this test split" in better
    assert champion(bench) == "3"
    assert bench.client.get_model_version_by_alias(NAME, "candidate").version in {2, "2"}
    goes_back_and_forth(bench)
    answers_rightly(bench, store)


def goes_back_and_forth(bench: Bench) -> None:
    told = bench.skeltune("rollback", NAME)

    assert "version 1, was 3" in told
    assert champion(bench) == "1"
    bench.skeltune("rollback", NAME, "--to", 3)
    assert champion(bench) == "3"


def answers_rightly(bench: Bench, store: ArrayStore) -> None:
    """Over HTTP and from files as evaluation does, and mostly as it should."""
    chosen = store.split("xsub", "test")[::7]
    clips = [store.frames[store.offsets[c] : store.offsets[c + 1]] for c in chosen]
    files = [bench.root / f"clip{number}.npy" for number in range(len(clips))]
    for file, clip in zip(files, clips, strict=True):
        np.save(file, clip)
    labels = [store.info.classes[label] for label in store.labels[chosen]]

    told = bench.skeltune("predict", f"models:/{NAME}@champion", *files, "--format", "json")
    with served(f"models:/{NAME}@champion", f"sqlite:///{bench.home / 'mlflow.db'}") as url:
        answers = [row["class"] for row in post(f"{url}/invocations", [c.tolist() for c in clips])]

    predicted = json.loads(told)["predictions"]
    assert [row["top"][0]["class"] for row in predicted] == answers
    assert np.mean([a == b for a, b in zip(answers, labels, strict=True)]) > 0.5

"""MLflow down, slow, answering 5xx or not at all: a real server behind a proxy that lies."""

import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from orchestrator.tracking import courier
from orchestrator.tracking.study_run import StudySummary
from tests.orchestrator.tracking.servers import (
    Fault,
    Faults,
    faulty_proxy,
    free_port,
    mlflow_server,
)
from tests.orchestrator.tracking.tracked import expected, seen, started, tracker_of, trained

pytestmark = pytest.mark.slow
NUM_TRIALS, NUM_EPOCHS = 6, 5


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As MLflow makes it, which takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="module")
def server(database: Path) -> Iterator[str]:
    copy = shutil.copy(database, database.with_name("server.db"))
    with mlflow_server(f"sqlite:///{copy}", database.parent / "artifacts") as uri:
        yield uri


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(courier, "SECONDS_BETWEEN_ROUNDS", 0.05)
    monkeypatch.setattr(courier, "SHORTEST_PAUSE", 0.05)
    monkeypatch.setattr(courier, "LONGEST_PAUSE", 0.2)


def train_all(tracker, file: Path) -> float:
    """The longest that the driver waited, in seconds."""
    file.write_text("weights")
    waits, artifacts = [], partial(list, [file])
    for number in range(NUM_TRIALS):
        for record in trained(started(number), NUM_EPOCHS):
            begun = time.monotonic()
            tracker.sync(record, artifacts)
            waits.append(time.monotonic() - begun)
            time.sleep(0.02)
    return max(waits)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_epoch_is_there_once_whatever_becomes_of_requests(server, tmp_path, seed):
    faults, told, study = Faults(seed, seconds=1.5), [], f"faulty{seed}"
    with faulty_proxy(server, faults) as uri:
        tracker = tracker_of(uri, study, told)
        faults.share = 0.5

        longest = train_all(tracker, tmp_path / "best.pt")
        while faults.injected < 20 and tracker.waiting:
            time.sleep(0.05)
        faults.share = 0.0
        tracker.finish("FINISHED", StudySummary())

    assert faults.injected > 10
    assert longest < 0.1
    assert list(seen(server, study).values()) == [[expected(NUM_EPOCHS, ("best.pt",))]] * NUM_TRIALS
    assert any("training goes on" in line for line in told)
    assert "is up to date again" in told[-1]


def test_a_server_that_is_away_for_a_while_has_everything_afterwards(database, tmp_path):
    told, port = [], free_port()
    copy = shutil.copy(database, tmp_path / "mlflow.db")
    restarted = partial(mlflow_server, f"sqlite:///{copy}", tmp_path / "artifacts", port=port)
    with restarted() as uri:
        tracker = tracker_of(uri, "away", told)

    longest = train_all(tracker, tmp_path / "best.pt")
    with restarted():
        tracker.finish("FINISHED", StudySummary())

        assert longest < 0.1
        found = list(seen(uri, "away").values())
        assert found == [[expected(NUM_EPOCHS, ("best.pt",))]] * NUM_TRIALS
    assert len(told) == 2


def test_a_server_that_stays_away_is_said_to_lack_what_it_lacks(server, tmp_path):
    faults, told = Faults(), []
    faults.kinds = [Fault.REFUSED]
    with faulty_proxy(server, faults) as uri:
        tracker = tracker_of(uri, "gone", told, patience=1)
        faults.share = 1.0

        train_all(tracker, tmp_path / "best.pt")
        tracker.finish("FINISHED", StudySummary())

    assert f"lacks the last news of {NUM_TRIALS} trials" in told[-1]


def test_another_driver_fills_in_what_was_lacking(server, tmp_path):
    first = tracker_of(server, "again", [])
    record = started(0)
    epochs = trained(record, NUM_EPOCHS)
    next(epochs)
    first.sync(record)
    first.catch_up()

    second = tracker_of(server, "again", [])
    for _ in epochs:
        second.sync(record)
    second.finish("FINISHED", StudySummary())

    assert seen(server, "again") == {"0000": [expected(NUM_EPOCHS)]}

"""An MLflow server on PostgreSQL, with the drivers of several studies writing at a time."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from orchestrator.tracking import courier
from orchestrator.tracking.study_run import StudySummary
from tests.orchestrator.tracking.servers import mlflow_server
from tests.orchestrator.tracking.tracked import expected, seen, started, tracker_of, trained
from tests.servers import free_port

pytestmark = pytest.mark.slow
STUDIES, NUM_TRIALS, NUM_EPOCHS = ("first", "second", "third"), 8, 4
ANYBODY = 65534
"""The user `nobody`: PostgreSQL does not run as root."""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URI of an empty database, which listens on loopback alone.

    Not below pytest's folders, which are closed to other users.
    """
    pytest.importorskip("psycopg", reason="needs the extra [postgres]")
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        pytest.skip("PostgreSQL is not installed, or its programs are not on the path")
    with TemporaryDirectory(prefix="skeltune-postgresql-") as folder:
        if os.getuid() == 0:
            os.chown(folder, ANYBODY, ANYBODY)
        with running(Path(folder), port := free_port()):
            yield f"postgresql+psycopg://mlflow@127.0.0.1:{port}/postgres"


@contextmanager
def running(folder: Path, port: int) -> Iterator[None]:
    as_anybody(folder, "initdb", "-D", "db", "-U", "mlflow", "--auth=trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
    as_anybody(folder, "pg_ctl", "-D", "db", "-w", "-t", "120", "-l", "log", "-o", options, "start")
    try:
        yield
    finally:
        as_anybody(folder, "pg_ctl", "-D", "db", "-m", "immediate", "stop")


def as_anybody(folder: Path, *command: str) -> None:
    user = {"user": ANYBODY, "group": ANYBODY} if os.getuid() == 0 else {}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, cwd=folder, check=True, timeout=180, **user, **quiet)


@pytest.fixture(scope="module")
def server(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(postgresql, tmp_path_factory.mktemp("artifacts")) as uri:
        yield uri


def test_several_drivers_write_side_by_side(server, monkeypatch):
    monkeypatch.setattr(courier, "SECONDS_BETWEEN_ROUNDS", 0.05)

    with ThreadPoolExecutor(len(STUDIES)) as drivers:
        told = list(drivers.map(lambda study: drive(server, study), STUDIES))

    assert told == [[]] * len(STUDIES)
    for study in STUDIES:
        assert list(seen(server, study).values()) == [[expected(NUM_EPOCHS)]] * NUM_TRIALS


def drive(uri: str, study: str) -> list[str]:
    """What the study's driver was told of trouble."""
    told: list[str] = []
    tracker = tracker_of(uri, study, told)
    trials = [trained(started(number), NUM_EPOCHS) for number in range(NUM_TRIALS)]
    for moment in zip(*trials, strict=True):  # all at a time, an epoch after the other
        for record in moment:
            tracker.sync(record)
    tracker.finish("FINISHED", StudySummary())
    return told

"""Studies in an S3-compatible storage: a real server, of moto, on loopback."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from s3fs import S3FileSystem

from orchestrator.home import Home
from orchestrator.storage.lease import leased
from orchestrator.storage.place import Place
from tests.end_to_end.conftest import Bench
from tests.servers import free_port, running

pytestmark = pytest.mark.slow

SECRET = "a-secret-that-nobody-may-see"
STORAGE = "s3://lab/skeleton"


@pytest.fixture
def s3(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    port = free_port()
    environment = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SKELTUNE_STORAGE": STORAGE,
        "TMPDIR": str(bench.root / "node"),
        "RAY_TMPDIR": tempfile.gettempdir(),  # of its sockets, whose paths must be short
    }
    (bench.root / "node").mkdir()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    S3FileSystem.clear_instance_cache()  # one of an earlier server is kept
    with running(command):
        make_bucket("lab")
        yield Place.named(STORAGE)


def make_bucket(name: str) -> None:
    import boto3

    client = boto3.client("s3")
    for _ in range(300):
        try:
            client.create_bucket(Bucket=name)
            return
        except Exception:
            time.sleep(0.1)
    raise TimeoutError("the server does not answer")


def events(study: Place) -> list[dict[str, str]]:
    place = study / "events"
    parts = place.contents(place.names())
    return [json.loads(line) for part in parts for line in part.splitlines()]


def test_a_study_in_s3_survives_its_driver_and_its_machine(bench: Bench, s3: Place) -> None:
    bench.write_trial(epochs=8)
    study, kept = bench.root / "studies/tiny.yaml", s3 / "studies" / "tiny"
    process = bench.start("run", study, "--num-cpus", 1)
    bench.wait_for(process, lambda: Counter(e["event"] for e in events(kept))["epoch"] >= 11)
    bench.interrupt(process, signal.SIGKILL)
    finished = {event["trial"] for event in events(kept) if event["event"] == "ended"}
    Home(bench.home, STORAGE).studies.parent.rename(bench.root / "lost with the machine")

    told = bench.skeltune("run", study)

    found = events(kept)
    counts = Counter((event["event"], event["trial"]) for event in found)
    assert Counter(event["event"] for event in found)["epoch"] == 4 * 8
    assert finished
    assert all(counts["started", trial] == 1 for trial in finished)
    assert {run.info.status for run in bench.runs()} == {"FINISHED"}
    assert len(bench.trial_runs()) == 4
    assert SECRET not in told + "".join(map(str, found))
    assert not list((bench.root / "node").glob("skeltune-*/process-*/*"))


def test_a_second_driver_of_a_study_in_s3_is_refused(bench: Bench, s3: Place) -> None:
    with leased(s3 / "studies" / "tiny" / "driver", "tiny"):
        refused = bench.skeltune("run", bench.root / "studies/tiny.yaml", code=2)

    assert f"study tiny is being run by process {os.getpid()} on" in refused
    assert (s3 / "studies" / "tiny").names() == ["driver"]


def test_what_a_study_in_s3_found_is_told_anywhere(bench: Bench, s3: Place) -> None:
    bench.skeltune("run", bench.root / "studies/tiny.yaml")
    here = bench.skeltune("report", "tiny", "--format", "markdown", "--no-links")

    Home(bench.home, STORAGE).studies.parent.rename(bench.root / "another machine has not")

    assert bench.skeltune("report", "tiny", "--format", "markdown", "--no-links") == here
    assert "tiny" in bench.skeltune("status")
    trial = (s3 / "studies" / "tiny" / "trials").names()[0]
    assert "fused" in bench.skeltune("fuse", trial, trial)
    pictures = bench.skeltune("picture", "tiny", "--out", bench.root / "pictures")
    assert pictures.count(".png") > 0
    assert not (bench.home / "studies").exists()


@pytest.mark.parametrize(
    ("storage", "told"),
    [("s3://no-such-bucket/x", "bucket"), ("memory2://x", "Protocol not known")],
)
def test_a_storage_that_is_not_there_is_refused_in_one_line(
    bench: Bench, s3: Place, storage: str, told: str
) -> None:
    refused = bench.skeltune("run", bench.root / "studies/tiny.yaml", "--storage", storage, code=2)

    assert storage in refused
    assert told in refused
    assert refused.count("\n") == 1

"""`mlflow models serve` on loopback, as users run it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


@contextmanager
def served(model: str, uri: str) -> Iterator[str]:
    """The server's address while it runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"mlflow models serve -m {model} --env-manager local --workers 1"
    process = subprocess.Popen(
        [sys.executable, "-m", *command.split(), "--host", "127.0.0.1", "--port", str(port)],
        cwd=CHECKOUT,
        env=os.environ
        | {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(CHECKOUT)}
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    limit = time.monotonic() + 180
    try:
        while not _answers(f"{url}/ping"):
            assert process.poll() is None
            assert time.monotonic() < limit, "the server does not come up"
            time.sleep(0.5)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=5).status == 200)
    except OSError:
        return False


def post(url: str, clips: list) -> list[dict]:
    body = json.dumps({"dataframe_records": [{"skeleton": clip} for clip in clips]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    return json.loads(urllib.request.urlopen(request, timeout=60).read())["predictions"]

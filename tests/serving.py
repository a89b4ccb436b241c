"""`mlflow models serve` on loopback, as users run it."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port, running, wait_until_healthy

CHECKOUT = Path(__file__).resolve().parents[1]


@contextmanager
def served(model: str, uri: str) -> Iterator[str]:
    """The server's address while it runs."""
    port = free_port()
    command = f"mlflow models serve -m {model} --env-manager local --workers 1"
    url = f"http://127.0.0.1:{port}"
    about = {
        "MLFLOW_TRACKING_URI": uri,
        "PYTHONPATH": str(CHECKOUT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    there = ["--host", "127.0.0.1", "--port", str(port)]
    with running([sys.executable, "-m", *command.split(), *there], **about) as process:
        wait_until_healthy(process, f"{url}/ping")
        yield url


def post(url: str, clips: list) -> list[dict]:
    body = json.dumps({"dataframe_records": [{"skeleton": clip} for clip in clips]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    return json.loads(urllib.request.urlopen(request, timeout=60).read())["predictions"]

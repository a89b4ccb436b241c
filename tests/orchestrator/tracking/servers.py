"""A real MLflow server on loopback, and a proxy that lies between it and a client."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from http.client import HTTPConnection, HTTPMessage, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.servers import free_port, wait_until_healthy

ONE_PROCESS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


@contextmanager
def mlflow_server(
    database: str, artifacts: Path, *options: str, port: int | None = None, **environment: str
) -> Iterator[str]:
    """Its address, once it answers; killed at the end."""
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--backend-store-uri", database]
    command += ["--artifacts-destination", str(artifacts), *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    about = {**os.environ, **ONE_PROCESS, **environment}
    process = subprocess.Popen(command, env=about, start_new_session=True, **quiet)
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


class Fault(StrEnum):
    """What becomes of a request."""

    NONE = "none"
    """Passed on, the answer too."""
    REFUSED = "refused"
    """503, never seen by the server."""
    DROPPED = "dropped"
    """The connection is closed, the server sees nothing."""
    UNANSWERED = "unanswered"
    """The server takes it, the client gets no answer."""
    CUT = "cut"
    """The server takes it, the client gets half of the answer."""
    BROKEN = "broken"
    """The server takes it, the client is told 500."""
    SLOW = "slow"
    """The client has given up before the server gets it."""


class Faults:
    """Draws the fate of each request; counts what it did."""

    def __init__(self, seed: int = 0, seconds: float = 0.0) -> None:
        self.share = 0.0
        self.kinds = [fault for fault in Fault if fault is not Fault.NONE]
        self.seconds = seconds
        """How late a slow request is passed on."""
        self.counts = dict.fromkeys(Fault, 0)
        self._random = random.Random(seed)

    def draw(self) -> Fault:
        fault = Fault.NONE
        if self._random.random() < self.share:
            fault = self._random.choice(self.kinds)
        self.counts[fault] += 1
        return fault

    @property
    def injected(self) -> int:
        return sum(self.counts.values()) - self.counts[Fault.NONE]


@contextmanager
def faulty_proxy(server: str, faults: Faults) -> Iterator[str]:
    """The address that passes requests on to the server, as the faults will have it."""
    host = server.removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = faults.draw()
            if fault is Fault.SLOW:
                time.sleep(faults.seconds)
            if fault not in {Fault.REFUSED, Fault.DROPPED}:
                response, content = forward(host, self.command, self.path, self.headers, body)
            match fault:
                case Fault.NONE | Fault.SLOW:
                    self._answer(response.status, response.headers, content)
                case Fault.REFUSED:
                    self._answer(503, {}, b"{}")
                case Fault.BROKEN:
                    self._answer(500, {}, b"{}")
                case Fault.CUT:
                    self._answer(response.status, response.headers, content, half=True)
            self.close_connection = fault is not Fault.NONE

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

        def _answer(
            self, status: int, headers: Mapping[str, str], content: bytes, half: bool = False
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if half else content)

        def log_message(self, *arguments: object) -> None:
            """Tests are quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True  # the client or the server went away

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}"
    finally:
        proxy.shutdown()
        proxy.server_close()


def forward(
    host: str, method: str, path: str, headers: HTTPMessage, body: bytes
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(host, timeout=30)
    try:
        passed = {k: v for k, v in headers.items() if k.lower() not in {"host", "connection"}}
        connection.request(method, path, body, passed)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()

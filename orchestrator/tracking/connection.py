"""The connection to MLflow: how long it waits, what counts as trouble, where secrets stand."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# MLflow would send a creation again whose answer was lost, and so make two runs: we ask first.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from orchestrator.engine.errors import SkelTuneError

for _noisy in ("mlflow", "alembic"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)

TROUBLE = (MlflowException, OSError)
"""What a call may raise; uploads raise the OSErrors of requests."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between tries; each pause is twice the one before."""
_REFUSED = {401, 403}
_WHERE_PASSWORDS_ARE = (
    "passwords come from the environment: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD "
    "for a server, PGPASSWORD or a .pgpass file for PostgreSQL"
)

Tell = Callable[[str], None]
T = TypeVar("T")


class TrackingError(SkelTuneError):
    """The tracking server cannot be used from the start."""


def connect(uri: str) -> MlflowClient:
    """Raises `TrackingError` for a URI with a password: it would be stored and shown."""
    parts = urlsplit(uri)
    if parts.password or "password" in parse_qs(parts.query):
        host = parts.netloc.rpartition("@")[2]
        shown = parts._replace(netloc=host, query="").geturl()
        raise TrackingError(f"the tracking URI {shown} holds a password; {_WHERE_PASSWORDS_ARE}")
    return MlflowClient(tracking_uri=uri)


def insist(uri: str, patience: float, action: Callable[[], T], tell: Tell) -> T:
    """Try until it works; `TrackingError` after `patience` seconds, at once where refused."""
    opened, pause = monotonic(), SHORTEST_PAUSE
    while True:
        try:
            return action()
        except TROUBLE as error:
            if is_refusal(error):
                raise TrackingError(_refusal(uri, error)) from None
            if monotonic() - opened + pause > patience:
                raise TrackingError(f"MLflow at {uri} cannot be used: {error}") from None
            if pause == SHORTEST_PAUSE:
                tell(f"MLflow at {uri} does not answer; trying for {patience:g} s")
        sleep(pause)
        pause *= 2


def is_refusal(error: Exception) -> bool:
    """Whether the server does not let this client in, now or later."""
    return _http_status(error) in _REFUSED


def _http_status(error: Exception) -> int | None:
    if not isinstance(error, MlflowException):
        return None
    status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
    return status


def _refusal(uri: str, error: Exception) -> str:
    code, name = _http_status(error), os.environ.get("MLFLOW_TRACKING_USERNAME")
    who = f"the user {name!r}" if name else "an anonymous client"
    return f"MLflow at {uri} refuses {who} ({code}); {_WHERE_PASSWORDS_ARE}"

"""Whether MLflow can be written to, without leaving anything in sight."""

from __future__ import annotations

import os
import time

from mlflow import MlflowClient

_PLACE = "skeltune-doctor"


def try_to_write(uri: str) -> None:
    """An experiment of its own is brought back, marked and deleted. Raises what MLflow raises."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    client = MlflowClient(uri)
    known = client.get_experiment_by_name(_PLACE)
    if known is not None and known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    place = client.create_experiment(_PLACE) if known is None else known.experiment_id
    client.set_experiment_tag(place, "looked", str(time.time()))
    client.delete_experiment(place)

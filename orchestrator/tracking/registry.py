"""Models in MLflow's registry: versions with their lineage, and the alias that users load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

ALIAS = "champion"
_FOLDER = "model"


@dataclass(frozen=True)
class RegisteredModel:
    """A version in the registry."""

    name: str
    version: str

    @property
    def uri(self) -> str:
        return f"models:/{self.name}@{ALIAS}"


def register(
    uri: str, name: str, run_id: str, files: list[Path], lineage: dict[str, str]
) -> RegisteredModel:
    """Keep the files with their run and make them the champion; the same run registers once."""
    client = MlflowClient(tracking_uri=uri)
    _ensure_model(client, name)
    known = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    if known:
        version = str(known[0].version)
    else:
        for path in files:
            client.log_artifact(run_id, str(path), _FOLDER)
        source = f"runs:/{run_id}/{_FOLDER}"
        version = str(client.create_model_version(name, source, run_id, tags=lineage).version)
    client.set_registered_model_alias(name, ALIAS, version)
    return RegisteredModel(name, version)


def _ensure_model(client: MlflowClient, name: str) -> None:
    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        client.create_registered_model(name)

"""Saved models in MLflow: logged with a run, registered, fetched, brought to another registry.

What MLflow keeps is the artefact's folder and a description for its own loader. The folder is
checked before it is sent and after it has come: MLflow is asked for files, never to load them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import pandas as pd
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType, Array

from data.dataset import DatasetInfo
from orchestrator.artefact.description import Description
from orchestrator.artefact.files import load_artefact
from orchestrator.artefact.served import INPUT
from orchestrator.engine.errors import SkelTuneError
from orchestrator.tracking.connection import TROUBLE

LOADER = "orchestrator.artefact.served"
PUSHED = "pushed models"
DIGEST_TAG = "skeltune.digest"
_REQUIRED = ("mlflow", "numpy", "pandas", "pydantic", "pyyaml", "safetensors", "torch")
_PLACE = "model"
_EXAMPLE_FRAMES = 2


def log_artefact(
    uri: str, run_id: str, folder: Path, name: str, tags: Mapping[str, str] | None = None
) -> str:
    """Keep a saved model with its run and register it; the version, without an alias.

    The same model of the same run is registered once. Raises `SkelTuneError` if what MLflow gives
    back is not what it was given.
    """
    client, description = MlflowClient(tracking_uri=uri), load_artefact(folder).description
    try:
        _ensure_registered(client, name)
        query = f"name = '{name}' and run_id = '{run_id}'"
        for known in client.search_model_versions(query):
            if known.tags.get(DIGEST_TAG) == description.digest:
                return str(known.version)
        with tempfile.TemporaryDirectory() as beside:
            _pack(folder, description, Path(beside) / _PLACE)
            client.log_artifacts(run_id, str(Path(beside) / _PLACE), _PLACE)
        source = f"runs:/{run_id}/{_PLACE}"
        with fetched(source, uri) as back:
            _require_same(description, load_artefact(back).description, source)
        told = {DIGEST_TAG: description.digest, **(tags or {})}
        return str(client.create_model_version(name, source, run_id, tags=told).version)
    except TROUBLE as error:
        raise SkelTuneError(f"MLflow at {uri} does not take {name}: {error}") from None


def push_artefact(uri: str, folder: Path, name: str) -> str:
    """Register a saved model in any registry, with a run of its own; the version."""
    description = load_artefact(folder).description
    client = MlflowClient(tracking_uri=uri)
    try:
        experiment = _experiment(client, uri)
        tags = {"mlflow.runName": name, DIGEST_TAG: description.digest}
        run_id = client.create_run(experiment, tags=tags).info.run_id
    except TROUBLE as error:
        raise SkelTuneError(f"MLflow at {uri} cannot be used: {error}") from None
    status = "FAILED"
    try:
        pushed = log_artefact(uri, run_id, folder, name, description.lineage)
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return pushed


@contextmanager
def fetched(model: str, uri: str) -> Iterator[Path]:
    """The folder of `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `runs:/ID/PLACE`, for a while.

    Its files are not checked yet. Raises `SkelTuneError` where there is no such model, or one of
    another kind.
    """
    with tempfile.TemporaryDirectory() as beside:
        try:
            source = _source(MlflowClient(tracking_uri=uri), model)
            folder = download_artifacts(artifact_uri=source, dst_path=beside, tracking_uri=uri)
        except (*TROUBLE, ValueError) as error:
            raise SkelTuneError(f"{model} cannot be had from MLflow at {uri}: {error}") from None
        found = sorted(Path(folder).rglob("model.json"))
        if len(found) != 1:
            raise SkelTuneError(f"{model} holds no saved model of SkelTune")
        yield found[0].parent


def _source(client: MlflowClient, model: str) -> str:
    """Where a registered model's files are."""
    if not model.startswith("models:/"):
        return model
    name = model.removeprefix("models:/")
    if "@" in name:
        name, _, alias = name.partition("@")
        number = client.get_model_version_by_alias(name, alias).version
    else:
        name, _, number = name.rpartition("/")
    return str(client.get_model_version_download_uri(name, str(number)))


def _pack(folder: Path, description: Description, out: Path) -> None:
    """As MLflow wants it: the folder as data of a loader that is installed where it is loaded."""
    save_model(
        out,
        loader_module=LOADER,
        data_path=str(folder),
        signature=_signature(),
        input_example=_example(description.info),
        pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in _REQUIRED],
        metadata={"digest": description.digest, "classes": list(description.info.classes)},
    )


def _signature() -> ModelSignature:
    """Nested lists, since clips differ in their number of frames; the model checks their sizes.

    If MLflow checked them it would take most of a second for 100 frames of two persons.
    """
    skeleton = Array(AnyType())  # type: ignore[no-untyped-call]
    answer = (
        ColSpec(DataType.string, "class"),
        ColSpec(DataType.double, "probability"),
        ColSpec(Array(DataType.double), "probabilities"),
    )
    return ModelSignature(Schema([ColSpec(skeleton, INPUT)]), Schema(list(answer)))


def _example(info: DatasetInfo) -> pd.DataFrame:
    """A clip that stands still."""
    joint = [1.0 / (channel + 1) for channel in range(info.num_channels)]
    frame = [[joint] * info.num_joints] * info.num_persons
    return pd.DataFrame({INPUT: [[frame] * _EXAMPLE_FRAMES]})


def _require_same(sent: Description, back: Description, source: str) -> None:
    if back.digest != sent.digest:
        raise SkelTuneError(f"{source} has digest {back.digest}, {sent.digest} was sent")


def _experiment(client: MlflowClient, uri: str) -> str:
    known = client.get_experiment_by_name(PUSHED)
    if known is not None:
        return str(known.experiment_id)
    database = Path(uri.removeprefix("sqlite:///")).absolute()
    embedded = database.parent / "mlflow_artifacts" / "pushed_models"
    location = embedded.as_uri() if uri.startswith("sqlite:") else None
    return str(client.create_experiment(PUSHED, artifact_location=location))


def _ensure_registered(client: MlflowClient, name: str) -> None:
    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        client.create_registered_model(name)

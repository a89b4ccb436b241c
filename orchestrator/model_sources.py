"""A trained model by what a user calls it: a folder, or a place in MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.artefact.files import load_artefact
from orchestrator.artefact.members import Artefact
from orchestrator.engine.errors import SkelTuneError

REMOTE = ("models:/", "runs:/")


@contextmanager
def folder_of(model: str, uri: str) -> Iterator[Path]:
    """The folder while it is needed: the one that is named, or what MLflow at `uri` sends."""
    if model.startswith(REMOTE):
        from orchestrator.tracking.artefacts import fetched

        with fetched(model, uri) as folder:
            yield folder
        return
    folder = Path(model).expanduser()
    if not folder.is_dir():
        raise SkelTuneError(
            f"{model!r} is no folder; a model is a folder, models:/NAME@champion, "
            "models:/NAME/VERSION or runs:/ID/PLACE"
        )
    yield folder


def open_model(model: str, uri: str) -> Artefact:
    """The model, checked; MLflow is asked only where the name says so."""
    with folder_of(model, uri) as folder:
        return load_artefact(folder)

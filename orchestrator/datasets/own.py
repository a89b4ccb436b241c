"""Data sets by name, or by the YAML file that describes one's own."""

from __future__ import annotations

from pathlib import Path

from data import DATASETS
from data.dataset import DatasetSource
from data.own import OwnDataset
from data.own_source import own_source
from orchestrator.engine.documents import read_mapping, unknown_name, validated
from orchestrator.engine.errors import Problem, SpecError


def find_source(name_or_file: str) -> DatasetSource:
    """A data set of the table, or of a file ending in .yaml; ValueError with the known names."""
    if name_or_file.endswith((".yaml", ".yml")):
        return read_source(Path(name_or_file))
    if name_or_file not in DATASETS:
        hint = unknown_name(name_or_file, list(DATASETS))
        raise ValueError(f"data set {name_or_file!r}: {hint}, or the YAML file of your own")
    return DATASETS[name_or_file]


def read_source(path: Path) -> DatasetSource:
    """The data set that a YAML file describes; `SpecError` lists every problem of the file."""
    dataset = validated(OwnDataset, read_mapping(path), str(path))
    if dataset.name in DATASETS:
        problem = Problem("name", dataset.name, "is a data set of SkelTune; choose another name")
        raise SpecError(str(path), [problem])
    try:
        return own_source(dataset, path.parent)
    except ValueError as error:
        raise SpecError(str(path), [Problem("document", None, str(error))]) from None

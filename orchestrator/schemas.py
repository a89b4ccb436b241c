"""JSON Schemas of trial, study and data files: editors complete and check with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from data.own import OwnDataset
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.files import write_text
from orchestrator.spec import StudySpec

_DOCUMENTS: dict[str, type[Any]] = {"trial": TrialConfig, "study": StudySpec, "data": OwnDataset}


def schemas() -> dict[str, dict[str, Any]]:
    """File name to schema."""
    return {
        f"{name}.schema.json": TypeAdapter(document).json_schema()
        for name, document in _DOCUMENTS.items()
    }


def write_schemas(folder: Path) -> list[Path]:
    paths = []
    for name, schema in schemas().items():
        paths.append(folder / name)
        write_text(paths[-1], json.dumps(schema, indent=1) + "\n")
    return paths

"""JSON Schemas of trial and study files: editors complete and check with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestrator.engine.config import TrialConfig
from orchestrator.engine.files import write_text
from orchestrator.spec import StudySpec

_MODELS: dict[str, type[BaseModel]] = {"trial": TrialConfig, "study": StudySpec}


def schemas() -> dict[str, dict[str, Any]]:
    """File name to schema."""
    return {f"{name}.schema.json": model.model_json_schema() for name, model in _MODELS.items()}


def write_schemas(folder: Path) -> list[Path]:
    paths = []
    for name, schema in schemas().items():
        paths.append(folder / name)
        write_text(paths[-1], json.dumps(schema, indent=1) + "\n")
    return paths

"""In which paths two configurations differ, and which of these a change does not write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.ablation.spec import Changes
from orchestrator.engine.config import TrialConfig, flattened

ABSENT = "nothing"

Pair = tuple[Any, Any]
"""The baseline's value and the variant's."""


def config_difference(baseline: TrialConfig, variant: TrialConfig) -> dict[str, Pair]:
    """Dotted path to both values where they differ; seeds and where weights start from apart."""
    before, after = (_leaves(config) for config in (baseline, variant))
    return {
        path: (before.get(path, ABSENT), after.get(path, ABSENT))
        for path in before | after
        if before.get(path, ABSENT) != after.get(path, ABSENT)
    }


def _leaves(config: TrialConfig) -> dict[str, Any]:
    plain = config.plain()
    return flattened({k: v for k, v in plain.items() if k not in {"seed", "init_like"}})


def undeclared(
    changes: Changes,
    paths: Mapping[str, Pair],
    baseline: Mapping[str, Any],
    variant: Mapping[str, Any],
) -> dict[str, Pair]:
    """The differing paths that the changes do not write.

    Where a change puts another component in the place of the baseline's, all its options are
    written with it.
    """
    return {
        path: pair
        for path, pair in paths.items()
        if not any(_writes(w, v, path, baseline, variant) for w, v in changes.items())
    }


def _writes(
    written: str, value: Any, path: str, baseline: Mapping[str, Any], variant: Mapping[str, Any]
) -> bool:
    if path == written or written.startswith(f"{path}."):
        return True
    if written.endswith(".name") and _name_at(baseline, written[:-5]) != value:
        written = written.removesuffix(".name")
    if not path.startswith(f"{written}."):
        return False
    at = written
    for key in path.removeprefix(f"{written}.").split("."):
        if not isinstance(value, Mapping) or _name_at(baseline, at) != _name_at(variant, at):
            return True
        if key not in value:
            return False
        value, at = value[key], f"{at}.{key}"
    return True


def _name_at(document: Mapping[str, Any], path: str) -> Any:
    here: Any = document
    for key in path.split("."):
        here = here.get(key) if isinstance(here, Mapping) else None
    return here.get("name") if isinstance(here, Mapping) else None

"""What a study was run with."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("skeltune", "torch", "numpy", "scipy", "ray", "optuna", "mlflow")
_CODE = Path(__file__).resolve().parents[1]


def environment() -> dict[str, str]:
    """Versions and, where the code is a checkout, its commit."""
    versions = {package: version(package) for package in _PACKAGES}
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        **versions,
        **_checkout(),
    }


def _checkout() -> dict[str, str]:
    commit = git_commit()
    if commit is None:
        return {}
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {"commit": f"{commit}, with changes" if changes else commit}


def git_commit() -> str | None:
    """Of the code that runs; None where it is no checkout or git is absent."""
    try:
        return _git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_CODE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

"""Where the runs of a study are to be looked at in MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.home import StudyFolder

EMBEDDED_UI = "http://127.0.0.1:5000"
"""Where `skeltune ui` serves the embedded store."""


@dataclass(frozen=True)
class RunLinks:
    """`runs` is each trial's run, by the trial's id; trials without one have no link."""

    site: str = EMBEDDED_UI
    experiment: str = ""
    study_run: str = ""
    runs: Mapping[str, str] = field(default_factory=dict)

    def of(self, trial_id: str) -> str | None:
        run = self.runs.get(trial_id)
        return None if run is None else self._url(run)

    @property
    def study(self) -> str | None:
        return self._url(self.study_run) if self.study_run else None

    def _url(self, run: str) -> str:
        return f"{self.site}/#/experiments/{self.experiment}/runs/{run}"


def stored_links(folder: StudyFolder) -> RunLinks:
    """As the last run of the study left them; none for one that is in its first run."""
    saved: dict[str, Any] = json.loads(folder.spec.read_text())
    runs = json.loads(folder.runs.read_text()) if folder.runs.exists() else {}
    uri = saved["tracking_uri"]
    site = uri.rstrip("/") if uri.startswith(("http:", "https:")) else EMBEDDED_UI
    return RunLinks(site, saved["experiment_id"], saved["study_run_id"], runs)

"""Where SkelTune keeps things, and which servers it talks to."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True)
class Home:
    """`SKELTUNE_HOME`, else the platform's folder for application data."""

    root: Path

    @classmethod
    def find(cls) -> Home:
        named = os.environ.get("SKELTUNE_HOME")
        root = Path(named) if named else Path(platformdirs.user_data_dir("skeltune"))
        return cls(root.expanduser().resolve())

    @property
    def data(self) -> Path:
        """Prepared data sets."""
        return self.root / "data"

    @property
    def studies(self) -> Path:
        return self.root / "studies"

    def study(self, name: str) -> StudyFolder:
        return StudyFolder(self.studies / name)

    def single(self, trial_id: str) -> StudyFolder:
        """Each trial trained by itself has a folder, so that several can be trained at once."""
        return StudyFolder(self.root / "single_trials" / trial_id)

    def trials(self, beginning: str) -> list[Path]:
        """Folders of the trials, single ones and those of studies, whose id begins so."""
        places = ("single_trials/*/trials", "studies/*/trials")
        found = (sorted(self.root.glob(f"{place}/{beginning}*")) for place in places)
        return [folder for folders in found for folder in folders]

    def tracking_uri(self, chosen: str | None = None) -> str:
        """The option, else `MLFLOW_TRACKING_URI`, else SQLite in this folder."""
        return chosen or os.environ.get("MLFLOW_TRACKING_URI") or self.embedded_uri

    @property
    def embedded_uri(self) -> str:
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """Where runs of the embedded MLflow keep their files."""
        return self.root / "mlflow_artifacts"


@dataclass(frozen=True)
class StudyFolder:
    """Every name in a study's folder."""

    root: Path

    @property
    def log(self) -> Path:
        """The truth: every trial event, in order."""
        return self.root / "events.jsonl"

    @property
    def spec(self) -> Path:
        """The study as it was last run: its file, its trial and the tracking server."""
        return self.root / "study.json"

    @property
    def lock(self) -> Path:
        return self.root / "driver.lock"

    @property
    def runs(self) -> Path:
        """Each trial's MLflow run, by the trial's id."""
        return self.root / "runs.json"

    @property
    def report(self) -> Path:
        return self.root / "report.md"

    @property
    def page(self) -> Path:
        return self.root / "report.html"

    @property
    def pictures(self) -> Path:
        return self.root / "pictures"

    @property
    def trials(self) -> Path:
        return self.root / "trials"

    @property
    def ray(self) -> Path:
        """Ray's own scratch files; nothing is read back from them."""
        return self.root / "ray"

    def trial(self, trial_id: str) -> Path:
        return self.trials / trial_id


def tracked_studies(home: Home) -> dict[str, str]:
    """Name of each study that has been run to its MLflow experiment's id."""
    files = sorted(home.studies.glob("*/study.json"))
    return {file.parent.name: json.loads(file.read_text())["experiment_id"] for file in files}

"""Where SkelTune keeps things, and which servers it talks to."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import platformdirs

from orchestrator.engine.errors import StorageError
from orchestrator.storage.journal import Journal, LocalJournal, ObjectJournal
from orchestrator.storage.lease import Fence, leased, locked_file
from orchestrator.storage.place import Place, is_elsewhere


@dataclass(frozen=True)
class Home:
    """`SKELTUNE_HOME`, else the platform's folder for application data.

    Studies lie in it too, unless `storage` says where: another folder, or the URI of a storage
    that is not mounted here. Of such a storage this folder has copies, which may be deleted.
    """

    root: Path
    storage: str | None = None

    @classmethod
    def find(cls, storage: str | None = None) -> Home:
        """`storage`, else `SKELTUNE_STORAGE`."""
        named = os.environ.get("SKELTUNE_HOME")
        root = Path(named) if named else Path(platformdirs.user_data_dir("skeltune"))
        storage = storage or os.environ.get("SKELTUNE_STORAGE") or None
        return cls(root.expanduser().resolve(), storage and _absolute(storage))

    @property
    def data(self) -> Path:
        """Prepared data sets."""
        return self.root / "data"

    @property
    def place(self) -> Place | None:
        """The storage, if it is not mounted here."""
        return Place(self.storage) if self.storage and is_elsewhere(self.storage) else None

    @property
    def data_sets(self) -> str | None:
        """Where prepared data sets are put for nodes that do not see `data`."""
        return f"{self.place}/data" if self.place else None

    @property
    def shown(self) -> str:
        """Where studies are, for messages."""
        return f"{self.place}/studies" if self.place else str(self.studies)

    @property
    def studies(self) -> Path:
        """Where they are, or copies of them."""
        if self.place is not None:
            copies = hashlib.sha256(self.place.uri.encode()).hexdigest()[:12]
            return self.root / "copies" / copies / "studies"
        return Path(self.storage or self.root) / "studies"

    def study(self, name: str) -> StudyFolder:
        kept = self.place and self.place / "studies" / name
        return StudyFolder(self.studies / name, kept)

    def study_names(self) -> list[str]:
        """Of the studies that have been run, sorted."""
        if self.place is not None:
            names = (self.place / "studies").names()
            return [name for name in names if self.study(name).has_run()]
        return sorted(path.parent.name for path in self.studies.glob("*/study.json"))

    def require_writable(self) -> None:
        """Raise `StorageError` unless studies can be kept."""
        if self.place is not None:
            self.place.require_writable()
            return
        try:
            self.studies.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self.studies):
                pass
        except OSError as error:
            raise StorageError.of(self.studies, "write it", error) from None

    def single(self, trial_id: str) -> StudyFolder:
        """Each trial trained by itself has a folder, so that several can be trained at once."""
        return StudyFolder(self.root / "single_trials" / trial_id)

    def trials(self, beginning: str) -> list[Path]:
        """Folders of the trials, single ones and those of studies, whose id begins so."""
        single = sorted(self.root.glob(f"single_trials/*/trials/{beginning}*"))
        if self.place is None:
            return single + sorted(self.studies.glob(f"*/trials/{beginning}*"))
        folders = [self.study(name) for name in self.study_names()]
        return single + [f.bring(trial) for f in folders for trial in f.trial_ids(beginning)]

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
    """Every name in a study's folder; `kept` is where it is kept, if that is not here."""

    root: Path
    kept: Place | None = None

    def journal(self, fence: Fence | None = None) -> Journal:
        """The truth: every trial event, in order. `fence`: of a driver who may write."""
        if self.kept is None:
            return LocalJournal(self.log)
        return ObjectJournal(self.kept / "events", fence)

    @property
    def log(self) -> Path:
        """The journal of a study that is kept here."""
        return self.root / "events.jsonl"

    def locked(self) -> AbstractContextManager[Fence]:
        """Hold the study; raises `StudyBusyError` while another driver has it."""
        if self.kept is None:
            return locked_file(self.lock, self.root.name)
        return leased(self.kept / "driver", self.root.name)

    def has_run(self) -> bool:
        """Whether a driver has begun it; its documents are brought here."""
        if self.kept is not None:
            documents = {self.spec.name, self.runs.name}
            found = sorted(documents & set(self.kept.names()))
            self.kept.fetch(found, self.root)
        return self.spec.exists()

    def keep(self, *files: Path) -> None:
        """Put what was written here where the study is kept."""
        if self.kept is not None:
            for file in files:
                self.kept.put(file, file.relative_to(self.root).as_posix())

    def bring_predictions(self, trial_ids: Iterable[str]) -> None:
        """The saved scores of these trials, as far as there are any."""
        if self.kept is None:
            return
        from orchestrator.engine.files import TrialFiles

        files = [TrialFiles(self.trial(trial_id)).predictions for trial_id in trial_ids]
        missing = [str(file.relative_to(self.trials)) for file in files if not file.exists()]
        if missing:
            place = self.kept / self.trials.name
            place.fetch(sorted({*missing} & {*place.files()}), self.trials)

    def trial_ids(self, beginning: str = "") -> list[str]:
        """Of the trials that have a folder, where the study is kept elsewhere."""
        assert self.kept is not None
        names = (self.kept / self.trials.name).names()
        return [name for name in names if name.startswith(beginning)]

    def bring(self, trial_id: str, *names: str) -> Path:
        """A trial's folder, with the files of these names, or all that do not change any more."""
        from orchestrator.engine.files import TrialFiles

        folder = self.trial(trial_id)
        if self.kept is not None:
            place = self.kept / self.trials.name / trial_id
            wanted = set(names) or set(place.names()) - {TrialFiles(folder).last.name}
            missing = sorted(name for name in wanted if not (folder / name).exists())
            place.fetch(missing, folder)
        return folder

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

    @property
    def trials_uri(self) -> str:
        """Where the folders of trials are, for other machines."""
        return f"{self.kept}/trials" if self.kept else str(self.trials)

    def trial(self, trial_id: str) -> Path:
        return self.trials / trial_id


def tracked_studies(home: Home) -> dict[str, str]:
    """Name of each study that has been run to its MLflow experiment's id."""
    files = {name: home.study(name).spec for name in home.study_names()}
    return {name: json.loads(file.read_text())["experiment_id"] for name, file in files.items()}


def _absolute(storage: str) -> str:
    """A path as it is called from everywhere; a URI that can be used here."""
    if is_elsewhere(storage):
        return Place.named(storage).uri
    return str(Path(storage.removeprefix("file://")).expanduser().resolve())

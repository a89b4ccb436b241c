"""Models in MLflow's registry: versions with their lineage, the champion and who was it before."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from orchestrator.engine.errors import SkelTuneError
from orchestrator.tracking.artefacts import log_artefact
from orchestrator.tracking.exclusion import Fence, alone

CHAMPION, CANDIDATE = "champion", "candidate"
_MOVE = "skeltune.champion."
_GATE = "gate"
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


@dataclass(frozen=True)
class Move:
    """The alias came to a version."""

    version: str
    when: str
    who: str
    why: str


@dataclass(frozen=True)
class Registry:
    """The models of one MLflow."""

    uri: str

    def register(
        self,
        name: str,
        run_id: str,
        folder: Path,
        gate_files: Sequence[Path],
        tags: Mapping[str, str],
        description: str,
    ) -> str:
        """The version, not in use yet; what the gate compares is there before it."""
        for path in gate_files:
            self._client.log_artifact(run_id, str(path), _GATE)
        version = log_artefact(self.uri, run_id, folder, name, tags)
        self._client.update_model_version(name, version, description)
        return version

    def find(self, name: str, tags: Mapping[str, str]) -> str | None:
        """The version that has these tags."""
        found = self._client.search_model_versions(f"name = '{name}'")
        fits = (v for v in found if tags.items() <= v.tags.items())
        return next((str(v.version) for v in fits), None)

    def champion(self, name: str) -> str | None:
        try:
            return str(self._client.get_model_version_by_alias(name, CHAMPION).version)
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
            return None

    @contextmanager
    def gate_file(self, name: str, version: str, file: str) -> Iterator[Path]:
        """What a version left for comparisons; `SkelTuneError` for one that was not promoted."""
        run_id = self._version(name, version).run_id
        source = f"runs:/{run_id}/{_GATE}/{file}"
        with tempfile.TemporaryDirectory() as beside:
            try:
                found = download_artifacts(source, dst_path=beside, tracking_uri=self.uri)
            except (MlflowException, OSError) as error:
                raise SkelTuneError(
                    f"{name} version {version} has no saved scores of the test split ({error}); "
                    "promote with --force to replace it all the same"
                ) from None
            yield Path(found)

    @contextmanager
    def alone(self, name: str) -> Iterator[Fence]:
        """Nobody else moves the champion meanwhile."""
        with alone(self._client, name) as fence:
            yield fence

    def crown(self, name: str, version: str, expected: str | None, move: Move) -> None:
        """Move the alias from the version that was compared; to be called `alone`.

        Raises `SkelTuneError` where another version has become the champion since.
        """
        if (present := self.champion(name)) != expected:
            raise SkelTuneError(
                f"the champion of {name} is version {present} now, not {expected}: compare again"
            )
        number = len(self.history(name)) + 1
        self._client.set_registered_model_alias(name, CHAMPION, version)
        told = json.dumps(asdict(move))
        self._client.set_registered_model_tag(name, f"{_MOVE}{number:04d}", told)
        if self._aliased(name, CANDIDATE) == version:
            self._client.delete_registered_model_alias(name, CANDIDATE)

    def keep_as_candidate(self, name: str, version: str) -> None:
        self._client.set_registered_model_alias(name, CANDIDATE, version)

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._client.set_model_version_tag(name, version, key, value)

    def history(self, name: str) -> list[Move]:
        """Every move of the alias, oldest first; `SkelTuneError` for an unknown model."""
        try:
            tags = self._client.get_registered_model(name).tags
        except MlflowException as error:
            raise SkelTuneError(f"no model {name!r} at {self.uri} ({error})") from None
        return [Move(**json.loads(tags[key])) for key in sorted(tags) if key.startswith(_MOVE)]

    def _aliased(self, name: str, alias: str) -> str | None:
        aliases = self._client.get_registered_model(name).aliases
        return str(aliases[alias]) if alias in aliases else None

    def _version(self, name: str, version: str) -> ModelVersion:
        try:
            return self._client.get_model_version(name, version)
        except MlflowException:
            raise SkelTuneError(f"{name} has no version {version}") from None

    def require_version(self, name: str, version: str) -> None:
        """Raises `SkelTuneError` for a version that there is not."""
        self._version(name, version)

    def log_figures(self, run_id: str, figures: Mapping[str, float]) -> None:
        """Once: a figure that the run has is left as it is."""
        known = self._client.get_run(run_id).data.metrics
        for key, value in figures.items():
            if key not in known:
                self._client.log_metric(run_id, key, value)

    @property
    def _client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.uri)


def now() -> str:
    return datetime.now(UTC).isoformat(" ", "seconds")

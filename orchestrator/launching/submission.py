"""A study as a Ray job: its driver runs on the cluster's head, with the code of this machine."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient

from orchestrator.cluster.shipping import shipped_code, size_of
from orchestrator.engine.errors import Problem, SkelTuneError, SpecError
from orchestrator.launching.asked import require_no_secret
from orchestrator.spec import Study, trial_path

if TYPE_CHECKING:
    from orchestrator.engine.documents import Raw

_PATIENCE_SECONDS = 600
_HINT = "its head needs ray[default], and RAY_AUTH_TOKEN_PATH must name its token"
Tell = Callable[[str], None]


class SubmissionError(SkelTuneError):
    """The cluster's job server cannot be reached, or refuses."""


@dataclass(frozen=True)
class Submission:
    """A study's job on a cluster; there is one for each plan of a study."""

    client: JobSubmissionClient
    id: str
    was_running: bool

    def follow(self, tell: Tell) -> bool:
        """Tell its log until it ends; whether it succeeded."""
        asyncio.run(self._tell_log(tell))
        return bool(self.client.get_job_status(self.id) == JobStatus.SUCCEEDED)

    async def _tell_log(self, tell: Tell) -> None:
        async for lines in self.client.tail_job_logs(self.id):
            tell(lines)


def submit(
    study: Study, digest: str, address: str, variables: dict[str, str], tell: Tell
) -> Submission:
    """Start the study's job, or find the one that runs.

    `variables` are set for the driver. Raises `SubmissionError` where there is no job server.
    """
    require_no_secret({"storage": variables.get("SKELTUNE_STORAGE", "")})
    require_no_secret({"tracking_uri": variables.get("MLFLOW_TRACKING_URI", "")})
    _require_self_contained(study)
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    name = f"skeltune-{study.spec.study}-{digest}"
    try:
        client = JobSubmissionClient(address)
        was_running = _is_running(client, name)
        if not was_running:
            _start(client, name, study, variables, tell)
    except (ConnectionError, RuntimeError, AuthenticationError) as error:
        told = str(error).strip().partition("\n")[0]
        raise SubmissionError(f"Ray's job server at {address}: {told} ({_HINT})") from None
    return Submission(client, name, was_running)


def _start(
    client: JobSubmissionClient, name: str, study: Study, variables: dict[str, str], tell: Tell
) -> None:
    with shipped_code(study_files(study)) as code:
        tell(f"ships {size_of(code) / 2**20:.1f} MiB: our packages, the study and its trial\n")
        environment: Raw = {"working_dir": str(code), "env_vars": variables}
        client.submit_job(
            entrypoint=entry_point(study), submission_id=name, runtime_env=environment
        )


def study_files(study: Study) -> dict[str, Path]:
    """The study's file and its trial's, by where they go beside the packages."""
    file = Path(study.source).resolve()
    trial = trial_path(file, study.spec.trial).resolve()
    named = study.spec.trial == trial.stem
    place = f"trials/{trial.name}" if named else f"studies/{study.spec.trial}"
    return {f"studies/{file.name}": file, place: trial}


def entry_point(study: Study) -> str:
    """Waits for a node with room for one trial: a cluster may just be starting."""
    needed = study.spec.resources
    room = f"--cpu {needed.cpu:g} --gpu {needed.gpu:g} --patience {_PATIENCE_SECONDS}"
    file = shlex.quote(f"studies/{Path(study.source).name}")
    return (
        f"python -m orchestrator cluster wait --address auto {room} && "
        f"python -m orchestrator run {file} --address auto"
    )


def _require_self_contained(study: Study) -> None:
    """Raise `SpecError` for what would not arrive with the study."""
    given = study.baseline.init_weights
    if given is not None:
        message = "is a file of this machine; put it where all nodes see it and use `skeltune run`"
        raise SpecError(study.source, [Problem("trial.init_weights", str(given.file), message)])
    if Path(study.spec.trial).is_absolute() or ".." in Path(study.spec.trial).parts:
        message = "must lie beside the study to be shipped with it, or in ../trials by its name"
        raise SpecError(study.source, [Problem("trial", study.spec.trial, message)])


def _is_running(client: JobSubmissionClient, name: str) -> bool:
    """A job of this name that has ended makes room: `run` carries on with what is missing."""
    known = {job.submission_id: job.status for job in client.list_jobs()}
    if name not in known:
        return False
    if known[name].is_terminal():
        client.delete_job(name)
        return False
    return True

"""Runs in MLflow: one experiment a study, a study run in it, one child run a trial.

Runs follow the records, some seconds behind and in a thread of their own; only the driver writes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from orchestrator.records import TrialRecord
from orchestrator.tracking.connection import TROUBLE, Tell, connect, insist
from orchestrator.tracking.courier import Courier, Letter
from orchestrator.tracking.study_run import StudyRun, StudySummary, StudyTags
from orchestrator.tracking.trial_runs import Artifacts, no_artifacts

OPENING_PATIENCE = 20.0
CLOSING_PATIENCE = 60.0
"""Seconds that nothing may happen before a server is given up."""


class Tracker(Protocol):
    """Where records are shown to people."""

    def sync(self, record: TrialRecord, artifacts: Artifacts = no_artifacts) -> None:
        """See to it that the trial's run is brought up to date; returns at once."""


class MlflowTracker:
    """The study's experiment; a server that does not answer delays the runs, not the training."""

    def __init__(
        self,
        uri: str,
        artifacts: Path,
        study: StudyTags,
        tell: Tell,
        opening_patience: float = OPENING_PATIENCE,
        closing_patience: float = CLOSING_PATIENCE,
    ) -> None:
        """Raises `TrackingError` where MLflow refuses us, or answers nobody for a while."""
        client = connect(uri)
        location = (artifacts / study.study).as_uri() if uri.startswith("sqlite:") else None
        opened = partial(StudyRun.open, client, study, location)
        self._run = insist(uri, opening_patience, opened, tell)
        self._courier = Courier(self._run.trials.sync, f"MLflow at {uri}", tell)
        self._patience = closing_patience
        self._tell = tell
        self._uri = uri

    @property
    def experiment_id(self) -> str:
        return self._run.experiment

    @property
    def study_run_id(self) -> str:
        return self._run.id

    @property
    def run_ids(self) -> dict[str, str]:
        """Each trial's run, by the trial's id, as far as they are made: see `catch_up`."""
        return self._run.trials.ids

    @property
    def waiting(self) -> frozenset[str]:
        """Trials whose last news MLflow does not have yet."""
        return self._courier.waiting

    def sync(self, record: TrialRecord, artifacts: Artifacts = no_artifacts) -> None:
        self._courier.post(Letter(replace(record), artifacts))

    def catch_up(self) -> frozenset[str]:
        """Wait until all runs are up to date, or MLflow stays silent; the trials that are late."""
        late = self._courier.catch_up(self._patience)
        self._patience = 0.0 if late else self._patience  # which is spent once
        return late

    def finish(self, status: str, summary: StudySummary) -> None:
        """Close the study's run with its summary, and say what MLflow lacks."""
        late = self.catch_up()
        self._courier.close()
        if late:
            self._tell(
                f"MLflow at {self._uri} lacks the last news of {len(late)} trials and of the "
                "study; the same command brings it up to date"
            )
            return
        try:
            if self._courier.had_trouble:
                self._run.look_again()
            self._run.finish(status, summary)
        except TROUBLE as error:
            self._tell(f"MLflow at {self._uri} does not close the study's run: {error}")

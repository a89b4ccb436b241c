"""What follows from a log, lost or spoilt, and made anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.engine.files import TrialFiles
from orchestrator.home import Home, StudyFolder
from orchestrator.stored import remember
from orchestrator.tracking.mending import SeenRun, superfluous
from tests.orchestrator.finished_study import finished

RDL = {"components": {"rdl": {"off": {"loss.embedding": None}}}, "seeds": 2}


@pytest.fixture
def home(study_of, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with a study of four finished trials, which MLflow knows nothing of."""
    found, study = Home(tmp_path / "home"), study_of(ablation=RDL, overrides={"epochs": 2})
    monkeypatch.setenv("SKELTUNE_HOME", str(found.root))
    folder = found.study("tiny")
    finished(study, data_root, folder, lambda cell: 30)
    for trial in folder.trials.iterdir():
        TrialFiles(trial).confusion.write_bytes(b"drawn already")
    remember(study, folder, {"tracking_uri": found.embedded_uri})
    return found


def repair(*options: str) -> Result:
    return CliRunner().invoke(app, ["repair", "tiny", *options])


def runs(home: Home) -> list[Run]:
    client = MlflowClient(home.embedded_uri)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def spoil(folder: StudyFolder, number: int) -> None:
    lines = folder.log.read_bytes().splitlines(keepends=True)
    lines[number - 1] = b"\x00\xff\n"
    folder.log.write_bytes(b"".join(lines))


def seen(run_id: str, trial: str, started: int) -> SeenRun:
    return SeenRun(run_id, trial, "RUNNING", started)


def test_of_several_runs_of_a_trial_the_first_one_stays():
    given = [seen("1", "a", 1), seen("2", "", 2), seen("3", "a", 3), seen("4", "", 4)]

    doubles, unknown = superfluous(given, {"a"})

    assert ([run.id for run in doubles], unknown) == (["3", "4"], [])


def test_runs_of_trials_that_the_log_does_not_know_are_told():
    _, unknown = superfluous([seen("1", "a", 1), seen("2", "b", 2)], {"b"})

    assert [run.id for run in unknown] == ["1"]


def test_a_damaged_log_is_refused_and_left_as_it_is(home: Home):
    folder = home.study("tiny")
    spoil(folder, 3)
    before = folder.log.read_bytes()

    told = repair()

    assert "line 3: not" in str(told.exception)
    assert folder.log.read_bytes() == before


def test_a_study_that_a_driver_runs_is_refused(home: Home):
    with home.study("tiny").locked():
        told = repair()

    assert "study tiny is being run by process" in str(told.exception)


@pytest.mark.slow
def test_everything_that_follows_from_a_log_is_made_anew(home: Home):
    made = repair()
    client = MlflowClient(home.embedded_uri)
    first, *_ = [run for run in runs(home) if run.data.tags["role"] == "cell"]
    stranger = {"skeltune.trial": "nobody", "role": "cell"}
    client.create_run(first.info.experiment_id, tags=first.data.tags)
    client.create_run(first.info.experiment_id, tags=stranger)

    mended, whole = repair(), repair()

    assert [told.exit_code for told in (made, mended, whole)] == [0, 0, 0]
    assert "4 made" in made.output
    assert "1 doubles deleted, 1 of unknown trials deleted" in mended.output
    assert mended.output.count("mlflow runs restore --run-id") == 2
    assert "deleted" not in whole.output
    assert {run.info.status for run in runs(home)} == {"FINISHED"}
    assert len(runs(home)) == 5
    folder = home.study("tiny")
    assert all(file.exists() for file in (folder.runs, folder.report, folder.page))


@pytest.mark.slow
def test_damaged_lines_are_dropped_and_their_trials_told_open(home: Home):
    folder = home.study("tiny")
    last = len(folder.log.read_bytes().splitlines()) - 1
    spoil(folder, last)

    told = repair("--drop-damaged")

    assert told.exit_code == 0, told.output
    assert "1 lines left out" in told.output
    assert folder.log.with_name("events.jsonl.bad").exists()
    assert sorted(run.info.status for run in runs(home)) == ["FINISHED"] * 3 + ["KILLED"] * 2

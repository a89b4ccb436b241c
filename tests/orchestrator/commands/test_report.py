"""`skeltune report` on a study whose trials nobody trained."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.home import Home
from orchestrator.planning.digest import plan_digest
from orchestrator.planning.trials import Planner
from orchestrator.records import StudyLog
from orchestrator.spec import Study
from orchestrator.stored import remember, stored_log, stored_report, stored_study
from tests.orchestrator.finished_study import finish, finished, scores_with

RDL = {"components": {"rdl": {"off": {"loss.embedding": None}}}, "seeds": 2}
TRACKED = {"tracking_uri": "sqlite:///x.db", "experiment_id": "7", "study_run_id": "study1"}


@pytest.fixture
def study(study_of) -> Study:
    return study_of(ablation=RDL)


@pytest.fixture
def home(study: Study, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with the study; the last cell is open."""
    found = Home(tmp_path / "home")
    monkeypatch.setenv("SKELTUNE_HOME", str(found.root))
    folder = found.study("tiny")
    finished(study, data_root, folder, lambda cell: None if _is_last(cell) else 30)
    remember(study, folder, TRACKED)
    return found


def _is_last(cell) -> bool:
    return cell.seed == 1 and not cell.variant.is_baseline


def report(*arguments: object) -> Result:
    command = ["report", "tiny", *map(str, arguments)]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def complete(home: Home) -> None:
    folder = home.study("tiny")
    log = StudyLog(folder.log).open()
    (last,) = (record for record in log.records.values() if not record.state.is_final)
    finish(log, folder, last.plan, scores_with(20))


@pytest.mark.parametrize(
    ("ending", "word"),
    [("md", "| ✓ |"), ("tex", r"\toprule"), ("csv", "rdl=off"), ("html", "<title>tiny</title>")],
)
def test_a_file_s_ending_decides_its_format(home: Home, tmp_path: Path, ending, word):
    file = tmp_path / f"table.{ending}"

    result = report("--out", file)

    assert result.exit_code == 0, result.output
    assert word in file.read_text()


def test_without_a_file_the_tables_are_shown(home: Home):
    assert "✓" in report().output
    assert report("--format", "csv").output.startswith("variant,setting,rdl,mean")


def test_cells_have_rows_of_their_own(home: Home):
    lines = report("--format", "csv", "--cells").output.splitlines()

    assert len(lines) == 1 + 4


def test_a_file_of_no_known_kind_is_refused(home: Home, tmp_path: Path):
    with pytest.raises(ValueError, match="--format must be markdown, latex, csv or html"):
        report("--out", tmp_path / "table.doc")


@pytest.mark.parametrize("ending", ["md", "tex", "csv", "html"])
def test_a_check_fails_once_the_runs_say_something_else(home: Home, tmp_path: Path, ending):
    file = tmp_path / f"table.{ending}"
    report("--out", file)
    before = report("--check", file)

    complete(home)
    after = report("--check", file)

    assert (before.exit_code, before.output) == (0, "")
    assert after.exit_code == 1
    assert after.output.startswith(f"{file} no longer says what its runs say:\n--- file\n+++ runs")


def test_a_report_names_the_plan_that_was_looked_at(home: Home, study: Study, data_root: Path):
    found = stored_report(stored_study(home, "tiny"), stored_log(home, "tiny"), home.study("tiny"))

    assert found.plan == plan_digest(study, Planner(study, data_root))
    assert found.environment.keys() >= {"python", "torch", "mlflow"}


def test_a_page_for_others_has_no_links_to_the_runs_here(home: Home):
    folder = home.study("tiny")
    runs = dict.fromkeys(StudyLog(folder.log).records, "run1")
    folder.runs.write_text(json.dumps(runs))

    assert "/#/experiments/7/runs/run1" in report("--format", "markdown").output
    assert "http" not in report("--format", "markdown", "--no-links").output

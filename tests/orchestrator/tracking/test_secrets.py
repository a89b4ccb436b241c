"""An MLflow that asks who one is: who is let in, and where the password does not stand."""

import secrets
from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from orchestrator.tracking.connection import TrackingError, connect
from orchestrator.tracking.study_run import StudySummary
from tests.orchestrator.tracking.servers import mlflow_server
from tests.orchestrator.tracking.tracked import expected, seen, started, tracker_of, trained

USER = "admin"


@pytest.fixture(scope="module")
def password() -> str:
    return secrets.token_urlsafe(16)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, password: str) -> Iterator[str]:
    pytest.importorskip("flask_wtf", reason="MLflow's basic auth needs Flask-WTF")
    folder = tmp_path_factory.mktemp("guarded")
    rules = folder / "auth.ini"
    rules.write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{folder}/auth.db\nadmin_username = {USER}\n"
    )
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(rules),
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
    }
    store = f"sqlite:///{folder}/mlflow.db"
    options = ("--app-name", "basic-auth")
    with mlflow_server(store, folder / "artifacts", *options, **environment) as uri:
        yield uri


@pytest.mark.slow
def test_who_has_the_password_is_let_in_and_leaves_it_nowhere(
    guarded, password, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    told: list[str] = []

    tracker = tracker_of(guarded, "guarded", told)
    for record in trained(started(0), 3):
        tracker.sync(record)
    tracker.finish("FINISHED", StudySummary("text"))

    assert seen(guarded, "guarded") == {"0000": [expected(3)]}
    assert password not in repr([run.to_dictionary() for run in runs_of(guarded)])
    assert told == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "given", "who"), [(None, None, "an anonymous client"), (USER, "wrong", "'admin'")]
)
def test_others_are_refused_at_once_with_a_remedy(guarded, monkeypatch, user, given, who):
    for name, value in (("USERNAME", user), ("PASSWORD", given)):
        if value is None:
            monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
        else:
            monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    told: list[str] = []

    with pytest.raises(TrackingError, match=f"refuses .*{who}.*MLFLOW_TRACKING_PASSWORD") as found:
        tracker_of(guarded, "refused", told)

    assert told == []
    assert "wrong" not in str(found.value)


@pytest.mark.parametrize(
    "uri",
    [
        "http://ann:hunter2@tracking.example:5000",
        "postgresql+psycopg://ann:hunter2@db.example/mlflow",
        "postgresql+psycopg://db.example/mlflow?user=ann&password=hunter2",
    ],
)
def test_a_uri_with_a_password_is_refused_without_showing_it(uri):
    with pytest.raises(TrackingError, match="passwords come from the environment") as found:
        connect(uri)

    assert "hunter2" not in str(found.value)


def runs_of(uri: str) -> list:
    client = MlflowClient(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments))

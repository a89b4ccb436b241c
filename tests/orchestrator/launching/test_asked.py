from __future__ import annotations

import pytest

from orchestrator.engine.errors import SpecError
from orchestrator.launching.asked import (
    Asked,
    AutoscalerAsked,
    SlurmAsked,
    asked_of,
    require_fit,
    require_provider,
    secret_keys,
)
from orchestrator.spec import Study


def test_a_trial_that_no_node_could_hold_is_refused_with_what_to_say(study: Study):
    with pytest.raises(SpecError) as told:
        require_fit(study, Asked(cpus=1, gpus=1))

    assert "resources.cpu = 2.0: a node has 1" in str(told.value)
    assert "resources.gpu = 1.5: a node has 1, and a trial runs on one node: say --gpus 2" in str(
        told.value
    )


def test_a_node_that_just_holds_a_trial_is_taken(study: Study):
    require_fit(study, Asked(cpus=2, gpus=2))


@pytest.mark.parametrize("key", ["storage", "tracking_uri"])
def test_a_password_in_a_uri_is_refused_without_being_told(key: str):
    with pytest.raises(SpecError) as told:
        asked_of(SlurmAsked, {"cpus": 1, key: "https://me:hunter2@there"})

    assert key in str(told.value)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("text", ["gpu; rm -rf /", "$(id)", "a b", ""])
def test_names_that_a_shell_would_read_otherwise_are_refused(text: str):
    with pytest.raises(SpecError, match="partition"):
        asked_of(SlurmAsked, {"cpus": 1, "partition": text})


def test_every_option_that_is_not_allowed_is_told_at_once():
    with pytest.raises(SpecError) as told:
        asked_of(SlurmAsked, {"cpus": 0, "nodes": 0, "time": "soon"})

    assert {problem.path for problem in told.value.problems} == {"cpus", "nodes", "time"}


def test_secrets_are_named_by_variable_secret_and_key():
    assert secret_keys(["AWS_KEY=storage/key.id"]) == [
        {"variable": "AWS_KEY", "secret": "storage", "key": "key.id"}
    ]
    with pytest.raises(ValueError, match="VARIABLE=SECRET/KEY"):
        secret_keys(["AWS_KEY=storage"])


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"provider": "aws", "region": "eu-west-1"}, "instance_type"),
        ({"provider": "machines", "nodes": 2, "hosts": ["one"]}, "hosts"),
    ],
)
def test_a_provider_is_told_what_it_needs(options: dict[str, object], missing: str):
    with pytest.raises(SpecError, match=missing):
        require_provider(AutoscalerAsked(cpus=1, **options))

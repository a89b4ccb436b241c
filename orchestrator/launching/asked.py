"""What is asked of a cluster, checked before a file is written."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import Field

from orchestrator.engine.config import Document
from orchestrator.engine.documents import Raw, validated
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.spec import Study

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@+-]*$")]
DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=63)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Asked(Document):
    """Nodes that are all alike, and where the study keeps its things."""

    nodes: int = Field(1, ge=1, description="with trials on them; the first one leads")
    cpus: int = Field(ge=1, description="of a node")
    gpus: int = Field(0, ge=0, description="of a node")
    memory: int | None = Field(None, ge=1, description="of a node, GiB")
    storage: str | None = None
    tracking_uri: str | None = None


class SlurmAsked(Asked):
    """A batch job."""

    time: str = Field("24:00:00", pattern=r"^(\d+-)?\d+(:\d{2}){0,2}$")
    partition: Name | None = None
    account: Name | None = None
    setup: list[str] = Field([], description="lines of shell before anything else")


class SecretKey(Document):
    """An environment variable whose value a Kubernetes secret holds."""

    variable: VariableName
    secret: DnsName
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]


class KuberayAsked(Asked):
    """A RayJob of KubeRay 1.5 or later."""

    image: str = Field(pattern=r"^\S+$", description="with SkelTune, its models and ray[default]")
    storage: str = Field(description="where all pods can write: their disks end with them")
    namespace: DnsName = "default"
    secrets: list[SecretKey] = []
    redis: str | None = Field(None, pattern=r"^\S+:\d+$", description="keeps Ray's own state")
    attempts: int = Field(10, ge=0, description="new clusters after a lost head")


class Provider(StrEnum):
    AWS = "aws"
    """Machines that Ray rents and gives back."""
    MACHINES = "machines"
    """Machines that are there, reached by ssh."""


class AutoscalerAsked(Asked):
    """A cluster that `ray up` starts."""

    provider: Provider
    ssh_user: Name = "ubuntu"
    hosts: list[Name] = Field([], description="of provider machines: the head, then the others")
    region: Name | None = None
    instance_type: Name | None = None
    setup: list[str] = []


AnyAsked = TypeVar("AnyAsked", bound=Asked)


def asked_of(kind: type[AnyAsked], options: Raw) -> AnyAsked:
    """`SpecError` naming every option that is not allowed; absent ones take their defaults."""
    given = {key: value for key, value in options.items() if value not in (None, [])}
    require_no_secret(given)
    return validated(kind, given, "options")


def require_no_secret(options: Raw) -> None:
    """Raise `SpecError`, which does not tell it, for a password in a URI: others read our files."""
    named = [key for key in ("storage", "tracking_uri") if key in options]
    message = "holds a password; leave it to the environment of those who run the study"
    if problems := [Problem(k, None, message) for k in named if urlsplit(options[k]).password]:
        raise SpecError("options", problems)


def secret_keys(given: list[str]) -> list[Raw]:
    """`VARIABLE=secret/key` as a document."""
    found = []
    for text in given:
        variable, equals, place = text.partition("=")
        secret, slash, key = place.partition("/")
        if not (equals and slash):
            raise ValueError(f"--secret-env must be VARIABLE=SECRET/KEY, got {text!r}")
        found.append({"variable": variable, "secret": secret, "key": key})
    return found


def require_fit(study: Study, asked: Asked) -> None:
    """Raise `SpecError` if a node could not hold one trial."""
    offers = {"cpu": asked.cpus, "gpu": asked.gpus}
    needs = study.spec.resources.model_dump()
    problems = [
        Problem(
            f"resources.{kind}",
            needs[kind],
            f"a node has {offer}, and a trial runs on one node: say --{kind}s "
            f"{math.ceil(needs[kind])}, or ask for less",
        )
        for kind, offer in offers.items()
        if needs[kind] > offer
    ]
    if problems:
        raise SpecError(study.source, problems)


def require_provider(asked: AutoscalerAsked) -> None:
    """Raise `SpecError` unless the provider was told what it needs."""
    problems = []
    if asked.provider is Provider.AWS:
        wanted = {"region": asked.region, "instance_type": asked.instance_type}
        problems = [
            Problem(key, None, "aws needs it") for key, value in wanted.items() if not value
        ]
    elif len(asked.hosts) != asked.nodes:
        message = f"--nodes {asked.nodes} needs as many hosts, the head first"
        problems = [Problem("hosts", asked.hosts, message)]
    if problems:
        raise SpecError("options", problems)

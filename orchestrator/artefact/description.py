"""What a saved model says of itself: the content of its model.json, plain values alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from data.dataset import DatasetInfo
from data.own import OwnDataset
from orchestrator.engine.config import Document, TrialConfig
from orchestrator.engine.documents import Raw, validated
from orchestrator.engine.errors import Problem, SpecError

FORMAT, VERSION = "skeltune model", 1
MOST_MEMBERS = 64
_BEFORE_TRAINING = ("init_weights", "init_like")
"""What of a trial decides its first weights, and may name a file: no model needs it any more."""

MemberName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
DocumentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}\.(md|html)$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Fusing = Literal["scores", "probabilities"]


class MemberEntry(Document):
    """One network: the trial that made it, the digest of its weights and what it counts."""

    name: MemberName
    config: TrialConfig
    weight: float = Field(1.0, ge=0)
    sha256: Sha256
    trial: str = Field("", description="identity of the trial, its initial weights included")

    @field_validator("config", mode="before")
    @classmethod
    def _names_no_file(cls, config: Any) -> Any:
        given = config.plain() if isinstance(config, TrialConfig) else config
        if isinstance(given, Mapping) and any(given.get(key) for key in _BEFORE_TRAINING):
            raise ValueError(f"must be without {' and '.join(_BEFORE_TRAINING)}")
        return config


class Preparation(Document):
    """From the original files to the stored form: the reader, its options, and the data it made.

    `own` is the description of a data set of one's own; null for those of SkelTune.
    """

    store: str
    options: dict[str, Any] = {}
    own: OwnDataset | None = None
    data_digest: str


class Description(Document):
    """A model of one or several members, whose scores are fused with their weights.

    scores: softmax of the weighted mean of the scores. probabilities: weighted mean of the softmax.
    """

    format: Literal["skeltune model"] = "skeltune model"
    version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")
    info: DatasetInfo
    protocol: str
    preparation: Preparation
    members: tuple[MemberEntry, ...] = Field(min_length=1, max_length=MOST_MEMBERS)
    fusing: Fusing = "scores"
    documents: dict[DocumentName, Sha256] = {}
    lineage: dict[str, str] = {}
    created_by: dict[str, str] = {}

    @model_validator(mode="after")
    def _members_agree(self) -> Description:
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise ValueError(f"members must have different names, got {', '.join(names)}")
        if not any(member.weight for member in self.members):
            raise ValueError("one member must have a weight above 0")
        trained_on = {(m.config.data.name, m.config.data.protocol) for m in self.members}
        if trained_on != {(self.preparation.store, self.protocol)}:
            raise ValueError(
                f"members must be trained on {self.preparation.store}, {self.protocol}, "
                f"got {sorted(trained_on)}"
            )
        return self

    @property
    def digest(self) -> str:
        """The model's identity: SHA-256 over all that it says, digests of its files included."""
        return content_digest(self.model_dump(mode="json"))

    def plain(self) -> Raw:
        return {**self.model_dump(mode="json"), "digest": self.digest}


def without_start(config: TrialConfig) -> TrialConfig:
    """The configuration without what its first weights were taken from."""
    return config.model_copy(update=dict.fromkeys(_BEFORE_TRAINING))


def content_digest(content: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def parse_description(content: bytes, source: str) -> Description:
    """`SpecError` for what is no description, is of another version, or was changed."""
    document = _parse_json(content, source)
    found = document.get("format"), document.get("version")
    if found != (FORMAT, VERSION):
        raise _refused(source, "format", found, f"must be {FORMAT!r}, version {VERSION}")
    if document.get("digest") != content_digest(document):
        raise _refused(source, "digest", None, "is not that of the content: the file was changed")
    del document["digest"]
    return validated(Description, document, source)


def _parse_json(content: bytes, source: str) -> Raw:
    try:
        document = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(source, "document", None, f"is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _refused(source, "document", None, "must be an object")
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _refused(source: str, path: str, value: object, message: str) -> SpecError:
    return SpecError(source, [Problem(path, value, message)])
